import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PASSWORD = 'changeit';

/** Keytool gives no private key away as PEM. */
const EXPORT = `
import java.io.*; import java.nio.file.*; import java.security.*; import java.security.cert.Certificate; import java.util.*;
class Export {
  public static void main(String[] at) throws Exception {
    char[] password = at[1].toCharArray();
    KeyStore store = KeyStore.getInstance(new File(at[0], "all.p12"), password);
    for (String alias : Collections.list(store.aliases())) {
      StringBuilder certificates = new StringBuilder();
      for (Certificate one : store.getCertificateChain(alias)) certificates.append(pem("CERTIFICATE", one.getEncoded()));
      Files.writeString(Path.of(at[0], alias + ".pem"), certificates);
      Files.writeString(Path.of(at[0], alias + ".key"), pem("PRIVATE KEY", store.getKey(alias, password).getEncoded()));
    }
  }
  static String pem(String what, byte[] bytes) {
    String text = Base64.getMimeEncoder(64, new byte[] {10}).encodeToString(bytes);
    return "-----BEGIN " + what + "-----\\n" + text + "\\n-----END " + what + "-----\\n";
  }
}`;

/**
 * A CA of the test's own, certificates that it issued to brokers (for the names `localhost` and `kafka.test`) and to a
 * client, and `stranger`, which no one trusts: each as NAME.pem, with the CA's behind it, and NAME.key.
 */
export function makeCertificates(folder: string): { file: (name: string) => string } {
  const keytool = (alias: string, ...more: string[]) => {
    const made = ['-genkeypair', '-alias', alias, '-dname', `CN=${alias}`, '-keyalg', 'EC', '-groupname', 'secp256r1'];
    const kept = ['-validity', '2', '-keystore', join(folder, 'all.p12'), '-storepass', PASSWORD];
    const quick = ['-J-XX:TieredStopAtLevel=1', '-J-Xshare:auto'];
    execFileSync('keytool', [...made, ...kept, ...more, ...quick], { stdio: 'pipe' });
  };
  keytool('ca', '-ext', 'bc:c');
  keytool('broker', '-signer', 'ca', '-ext', 'san=dns:localhost,dns:kafka.test');
  keytool('client', '-signer', 'ca');
  keytool('stranger', '-ext', 'bc:c');
  writeFileSync(join(folder, 'Export.java'), EXPORT);
  execFileSync('java', ['-XX:TieredStopAtLevel=1', join(folder, 'Export.java'), folder, PASSWORD], { stdio: 'pipe' });
  // As Kafka reads a PEM key store: key and chain in one file.
  const both = ['broker.key', 'broker.pem'].map((name) => readFileSync(join(folder, name), 'utf8')).join('');
  writeFileSync(join(folder, 'broker-store.pem'), both);
  return { file: (name) => join(folder, name) };
}
