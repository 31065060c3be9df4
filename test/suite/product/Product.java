package product;

/** What a fork's patches change: the words in capitals are filled in by the test. */
public final class Product {
    public static int answer() {
        return ANSWER;
    }

    /** True now and then, as a race would be. */
    public static boolean races() {
        return Math.random() < RACE;
    }

    public static boolean exits() {
        return EXITS;
    }
}
