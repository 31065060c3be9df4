package patchwright.runner;

import java.io.PrintWriter;
import java.io.StringWriter;

/** Throwables as text. A test's own exception class may throw from getMessage, so nothing here trusts it. */
final class Failures {
    private static final int MESSAGE_CHARS = 2_000;
    private static final int TRACE_CHARS = 8_000;

    private Failures() {
    }

    static String message(Throwable error) {
        try {
            return cut(String.valueOf(error), MESSAGE_CHARS);
        } catch (Throwable worse) {
            return error.getClass().getName() + " (its message cannot be read)";
        }
    }

    static String trace(Throwable error) {
        try {
            StringWriter text = new StringWriter();
            error.printStackTrace(new PrintWriter(text));
            return cut(text.toString(), TRACE_CHARS);
        } catch (Throwable worse) {
            return null;
        }
    }

    static String cut(String text, int chars) {
        return text == null || text.length() <= chars ? text : text.substring(0, chars) + "…";
    }
}
