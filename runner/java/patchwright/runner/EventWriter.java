package patchwright.runner;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** Writes events as they happen, unbuffered: what was written before a crash or a System.exit is not lost. */
final class EventWriter {
    private final String nonce;
    private final OutputStream out;

    EventWriter(String nonce, OutputStream out) {
        this.nonce = nonce;
        this.out = out;
    }

    void write(Json event) {
        // The leading line end closes a line that somebody else (native code, a child process) left open.
        raw(out, "\n" + nonce + " " + event + "\n");
    }

    static void raw(OutputStream out, String text) {
        try {
            synchronized (EventWriter.class) {
                out.write(text.getBytes(StandardCharsets.UTF_8));
                out.flush();
            }
        } catch (IOException gone) {
            // The reader has died: nobody will ever ask for this result.
            Runtime.getRuntime().halt(71);
        }
    }
}
