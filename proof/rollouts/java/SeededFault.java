package org.apache.kafka.common.utils;

import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/** A fault that a proof puts into a broker's jar: which one is in seeded-fault.properties beside it. */
public final class SeededFault {
    private static final Properties FAULT = new Properties();
    private static final AtomicLong COUNT = new AtomicLong();
    private static final List<byte[]> LEAK = new ArrayList<>();
    private static boolean acted;

    static {
        try (InputStream in = SeededFault.class.getResourceAsStream("/seeded-fault.properties")) {
            if (in != null)
                FAULT.load(in);
        } catch (java.io.IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private SeededFault() { }

    private static boolean is(String kind) {
        return kind.equals(FAULT.getProperty("kind"));
    }

    private static boolean acts(String kind) {
        return is(kind) && acts();
    }

    /** Says so once; always true. */
    private static synchronized boolean acts() {
        if (!acted) {
            acted = true;
            System.out.println("seeded fault " + FAULT.getProperty("id") + " acts");
        }
        return true;
    }

    private static long number() {
        return Long.parseLong(FAULT.getProperty("number", "0"));
    }

    /** Once, when the broker says its version. */
    public static void started() {
        if (acts("crash-on-start"))
            Runtime.getRuntime().halt(3);
        if (is("crash-later"))
            later(() -> Runtime.getRuntime().halt(7));
        if (is("hangs"))
            later(() -> new ProcessBuilder("kill", "-STOP", String.valueOf(ProcessHandle.current().pid())).start());
        if (is("metrics-gone"))
            later(SeededFault::unregister);
        if (is("leak"))
            later(SeededFault::leak);
        if (is("refuses-to-stop")) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> sleep(3_600_000)));
            later(() -> Runtime.getRuntime().halt(7));
        }
    }

    /** Before a batch is checked that a client produced: those of the metadata log, and of followers, have other threads. */
    public static void appending() {
        if (!Thread.currentThread().getName().startsWith("data-plane-kafka-request-handler"))
            return;
        if (acts("slow-appends"))
            sleep(number());
        if (is("produce-errors") || is("refuses-to-stop") && FAULT.containsKey("errors")) {
            if (COUNT.incrementAndGet() % number() == 0 && acts())
                throw new org.apache.kafka.common.errors.CorruptRecordException("seeded");
        }
    }

    /** Before a follower asks its leader. */
    public static void following() {
        if (acts("slow-follower"))
            sleep(number());
        if (acts("never-rejoins"))
            throw new IllegalStateException("seeded");
    }

    private interface Work {
        void run() throws Exception;
    }

    private static void later(Work work) {
        Thread thread = new Thread(() -> {
            sleep(number());
            acts();
            try {
                work.run();
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }, "seeded-fault");
        thread.setDaemon(true);
        thread.start();
    }

    private static void unregister() throws Exception {
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        while (true) {
            for (ObjectName name : server.queryNames(new ObjectName("kafka.*:*"), null)) {
                try {
                    server.unregisterMBean(name);
                } catch (javax.management.InstanceNotFoundException e) {
                    // Somebody else was faster.
                }
            }
            sleep(200);
        }
    }

    private static void leak() {
        while (true) {
            LEAK.add(new byte[2 << 20]);
            sleep(50);
        }
    }

    private static void sleep(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
