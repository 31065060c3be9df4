import { patchMessage } from '../../test/release/repository.ts';
import type { Files } from './repositories.ts';

const BUILD: Files = {
  '.gitignore': 'out/\n',
  'build.sh': `set -e
rm -rf out && mkdir -p out/classes
javac -d out/classes src/tally/*.java
printf '%s' "$PATCHWRIGHT_COMMIT" > out/classes/commit
jar --create --date=2026-01-01T00:00:00Z --file out/tally.jar -C out/classes .
`,
  'test.sh': `mkdir -p out/classes out/reports
javac -d out/classes src/tally/*.java test/tally/*.java
java -cp out/classes tally.TallyTest out/reports
`,
};

const TALLY: Files = {
  ...BUILD,
  'src/tally/Tally.java': `package tally;

import java.util.Map;
import java.util.TreeMap;

/** Bytes by topic. A correction is negative. */
public class Tally {
  private final Map<String, Long> bytes = new TreeMap<>();

  public void add(String topic, long size) {
    bytes.merge(topic, size, Long::sum);
  }

  public long of(String topic) {
    return bytes.getOrDefault(topic, 0L);
  }
}
`,
  'src/tally/Report.java': `package tally;

/** What people read. Corrections are shown with their sign. */
public class Report {
  public static String line(String name, long bytes) {
    return name + ": " + bytes + " B";
  }
}
`,
  'test/tally/TallyTest.java': `package tally;

import java.nio.file.Files;
import java.nio.file.Path;

public class TallyTest {
  private static final StringBuilder RESULTS = new StringBuilder();
  private static boolean good = true;

  static void check(String name, boolean found) {
    good &= found;
    RESULTS.append("<testcase classname='tally.TallyTest' name='").append(name).append("' time='0.01'>")
      .append(found ? "" : "<failure message='not so'>not so</failure>").append("</testcase>");
  }

  public static void main(String[] args) throws Exception {
    Tally tally = new Tally();
    tally.add("orders", 250);
    tally.add("orders", -50);
    check("sums", tally.of("orders") == 200);
    check("shows", Report.line("orders", -50).equals("orders: -50 B"));
    Files.writeString(Path.of(args[0], "TEST-Tally.xml"),
      "<testsuite name='tally.TallyTest' tests='2'>" + RESULTS + "</testsuite>");
    System.exit(good ? 0 : 1);
  }
}
`,
};

const TENANTS = `package tally;

import java.util.HashMap;
import java.util.Map;

/** Bytes by tenant: what the usage report of the month is made from. */
public class TenantTally {
  private final Map<String, int[]> months = new HashMap<>();

  /** A tenant's records of one batch. */
  public synchronized void add(String tenant, long size) {
    months.computeIfAbsent(tenant, name -> new int[1])[0] += size;
  }

  public synchronized long of(String tenant) {
    return months.getOrDefault(tenant, new int[1])[0];
  }

  public String usage(String tenant) {
    return Report.line(tenant, of(tenant));
  }
}
`;

/** A fork: upstream, and a stack of two patches of ours. */
export const FORK: { base: Files; stack: { files: Files; message: string }[] } = {
  base: TALLY,
  stack: [
    { files: { 'src/tally/TenantTally.java': TENANTS }, message: patchMessage('Count bytes by tenant') },
    {
      files: {
        'src/tally/Version.java': `package tally;

public class Version {
  public static final String OURS = "ours";
}
`,
      },
      message: patchMessage('Say whose build it is'),
    },
  ],
};
