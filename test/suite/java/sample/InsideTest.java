package sample;

import static java.nio.file.StandardOpenOption.APPEND;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** What a test finds around itself in a sandbox. Outside of one it fails. */
class InsideTest {
    @Test
    void reachesItsOwnServers() throws Exception {
        for (String name : new String[] {"localhost", "127.0.0.1", InetAddress.getLocalHost().getHostName()}) {
            try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getByName(name));
                    Socket client = new Socket(name, server.getLocalPort());
                    Socket accepted = server.accept()) {
                accepted.getOutputStream().write(7);
                assertEquals(7, client.getInputStream().read());
            }
        }
    }

    @Test
    void reachesNobodyElse() {
        try (Socket socket = new Socket()) {
            assertThrows(IOException.class, () -> socket.connect(new InetSocketAddress("192.0.2.1", 80), 2_000));
        } catch (IOException closed) {
            throw new IllegalStateException(closed);
        }
        assertThrows(UnknownHostException.class, () -> InetAddress.getByName("example.org"));
    }

    @Test
    void writesInItsOwnFolderAlone() throws Exception {
        Path temporary = Files.createTempFile("a", "b");
        assertTrue(temporary.startsWith("/work"), temporary.toString());
        assertTrue(new File("here").createNewFile());
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            Path beside = Path.of(entry).resolveSibling("written");
            assertThrows(IOException.class, () -> Files.writeString(beside, "x"), entry);
            // Nor is anything changed that other JVMs load.
            for (File file : beside.getParent().toFile().listFiles(File::isFile)) {
                assertThrows(IOException.class, () -> Files.newOutputStream(file.toPath(), APPEND).close(), file.getPath());
                assertThrows(IOException.class, () -> Files.delete(file.toPath()), file.getPath());
            }
        }
        assertThrows(IOException.class, () -> Files.writeString(Path.of("/usr/written"), "x"));
    }

    @Test
    void isNobodyAndSeesNobody() {
        assertEquals("sandbox", System.getProperty("user.name"));
        assertFalse(System.getenv().keySet().stream().anyMatch(name -> name.startsWith("PATCHWRIGHT")));
        assertFalse(ProcessHandle.allProcesses().anyMatch(other -> other.info().command().orElse("").contains("node")));
    }
}
