package patchwright.runner;

import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Locale;
import java.util.Properties;
import java.util.TimeZone;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * A warm JVM that runs one selector after another. Commands come on standard input, a line each:
 *
 * <pre>
 *   hello NONCE                               nothing: its end says that this process works
 *   run NONCE BASE64(selector) BASE64(id)…    selector: c:CLASS | m:CLASS#METHOD(PARAMS) | u:UNIQUE-ID, or part of a class:
 *                                             s:CLASS;METHOD… only these | x:CLASS;METHOD… all but these; without these unique ids
 *   discover NONCE BASE64(jar)…               the test classes of these jars
 *   methods NONCE BASE64(class)…              the methods of these classes
 * </pre>
 *
 * Events leave on the original standard output, a line each: {@code NONCE {json}}. The nonce is new for every command and
 * reaches this process on standard input only, so that what a test prints is not taken for an event. Everything that
 * tests print goes to standard error. The end of standard input ends this process, whatever runs: nobody reads it any more.
 */
public final class Main {
    private static final InputStream COMMANDS = new FileInputStream(FileDescriptor.in);
    private static final OutputStream EVENTS = new FileOutputStream(FileDescriptor.out);
    private static final OutputStream LOG = new FileOutputStream(FileDescriptor.err);

    private Main() {
    }

    public static void main(String[] args) throws Exception {
        redirect();
        BlockingQueue<String[]> commands = new LinkedBlockingQueue<>();
        Thread reader = new Thread(() -> readCommands(commands), "patchwright-commands");
        reader.setDaemon(true);
        reader.start();
        Surroundings surroundings = new Surroundings();
        for (;;) {
            String[] command = commands.take();
            EventWriter events = new EventWriter(command[1], EVENTS);
            Thread unit = new Thread(() -> obey(command, events), "unit");
            unit.setContextClassLoader(Main.class.getClassLoader());
            unit.start();
            unit.join();
            redirect();
            surroundings.restore();
            // Tells the reader of the log that what follows belongs to the next unit.
            EventWriter.raw(LOG, "\n" + command[1] + " end\n");
            events.write(new Json().put("e", "done"));
        }
    }

    static void obey(String[] command, EventWriter events) {
        try {
            if (command[0].equals("discover")) {
                Discovery.run(command, events);
            } else if (command[0].equals("methods")) {
                Methods.run(command, events);
            } else if (command[0].equals("run")) {
                UnitRun.run(command, events);
            }
        } catch (Throwable error) {
            // The runner's own failure, or an Error that JUnit lets through (out of memory): never silence.
            events.write(new Json().put("e", "broken").put("m", Failures.message(error)).put("x", Failures.trace(error)));
        }
    }

    static String decode(String base64) {
        return new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
    }

    private static void readCommands(BlockingQueue<String[]> commands) {
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(COMMANDS, StandardCharsets.US_ASCII))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                commands.add(line.split(" "));
            }
        } catch (IOException gone) {
            // The same as its end: the process that gave the orders has died.
        }
        ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly);
        Runtime.getRuntime().halt(70);
    }

    static void redirect() {
        PrintStream log = new PrintStream(new Unclosable(LOG), true, StandardCharsets.UTF_8);
        System.setOut(log);
        System.setErr(log);
        System.setIn(InputStream.nullInputStream());
    }

    /** A test may close what it prints to; the next one prints as well. */
    private static final class Unclosable extends FilterOutputStream {
        Unclosable(OutputStream out) {
            super(out);
        }

        @Override
        public void write(byte[] bytes, int from, int length) throws IOException {
            out.write(bytes, from, length);
        }

        @Override
        public void close() throws IOException {
            flush();
        }
    }

    /** What one class may change for the next in the same JVM, put back after each. */
    static final class Surroundings {
        private final Properties properties = (Properties) System.getProperties().clone();
        private final Locale locale = Locale.getDefault();
        private final TimeZone zone = TimeZone.getDefault();

        void restore() {
            System.setProperties((Properties) properties.clone());
            Locale.setDefault(locale);
            TimeZone.setDefault(zone);
            Thread.setDefaultUncaughtExceptionHandler(null);
        }
    }
}
