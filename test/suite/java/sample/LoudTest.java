package sample;

import static org.junit.jupiter.api.Assertions.fail;

import org.junit.jupiter.api.Test;

class LoudTest {
    @Test
    void shouts() {
        System.out.println("the first line");
        String line = "y".repeat(1_000);
        for (int i = 0; i < 20_000; i++) {
            System.out.println(line);
        }
        System.out.println("the last line");
        fail("loud");
    }
}
