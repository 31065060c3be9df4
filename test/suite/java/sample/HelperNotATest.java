package sample;

public class HelperNotATest {
    public void test() {
    }
}
