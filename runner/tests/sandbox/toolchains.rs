//! What honest submissions are written in works in a cell, filter and walls included: compilers, virtual machines with
//! their compilers at run time, threads, child processes, local servers.

use crate::cell::*;

/// A cell with room for a virtual machine.
fn roomy() -> CellSpec {
    let limits =
        Limits { memory: 2 << 30, processes: 256, open_files: 1024, file_size: 1 << 30, cpu: None, cpus: Vec::new() };
    CellSpec { work: Work::Memory { bytes: 64 << 20, inodes: 10_000 }, tmp_bytes: 64 << 20, limits, ..spec("tools") }
}

/// Writes a program into a cell's work directory and runs a command there, which has to print `fine`.
async fn works(tool: &str, file: &str, text: &str, script: &str) {
    works_beside(&[], tool, file, text, script).await;
}

/// The same where the cell also sees parts of the host.
async fn works_beside(seen: &[&str], tool: &str, file: &str, text: &str, script: &str) {
    if !cells_have(tool) {
        return;
    }
    let folder = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().expect("a folder");
    std::fs::write(folder.path().join(file), text).expect("a program");
    let mut mounts = vec![Mount { host: folder.path().into(), at: "/program".into(), writable: false }];
    let seen = seen.iter().filter(|path| Path::new(path).exists());
    mounts.extend(seen.map(|path| Mount { host: path.into(), at: path.into(), writable: false }));
    let mut session = Session::open(CellSpec { mounts, ..roomy() }).await;
    let (exit, output) = session.sh(&format!("cp /program/* /work && {script}")).await;
    assert!(exit.code == Some(0) && output.trim_end().ends_with("fine"), "{tool}: {exit:?}\n{output}");
    session.close().await;
}

#[tokio::test]
async fn c_with_threads_and_processes() {
    let program = r#"
        #include <ifaddrs.h>
        #include <pthread.h>
        #include <stdio.h>
        #include <sys/wait.h>
        #include <unistd.h>
        static void *run(void *x) { return x; }
        int main(void) {
            struct ifaddrs *list;
            pthread_t threads[40];
            for (int i = 0; i < 40; i++) if (pthread_create(&threads[i], 0, run, 0)) return 1;
            for (int i = 0; i < 40; i++) pthread_join(threads[i], 0);
            if (getifaddrs(&list) || !list) return 2;
            if (fork() == 0) return 0;
            int status;
            wait(&status);
            puts("fine");
        }"#;
    works("cc", "a.c", program, "cc -O2 -pthread -o a a.c && ./a").await;
}

#[tokio::test]
async fn cpp_by_cmake() {
    let lists = "cmake_minimum_required(VERSION 3.10)\nproject(a CXX)\nfile(WRITE a.cc \"#include <iostream>\\n\
                 #include <thread>\\nint main() { std::thread([] { std::cout << 1; }).join(); std::cout << \\\"fine\\\"; }\")\n\
                 find_package(Threads)\nadd_executable(a a.cc)\ntarget_link_libraries(a Threads::Threads)\n";
    works("cmake", "CMakeLists.txt", lists, "cmake -B b . && cmake --build b && ./b/a").await;
}

#[tokio::test]
async fn python_with_processes_and_sockets() {
    let program = r#"
import multiprocessing, socket, sqlite3, subprocess, tempfile, threading
def double(x): return 2 * x
if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool: assert pool.map(double, [1, 2]) == [2, 4]
    server = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: server.accept()[0].sendall(b"x")); thread.start()
    assert socket.create_connection(server.getsockname()).recv(1) == b"x"; thread.join()
    base = sqlite3.connect("/work/base"); base.execute("create table t (x)"); base.commit()
    with tempfile.NamedTemporaryFile() as file: file.write(b"x")
    print(subprocess.run(["echo", "fine"], capture_output=True, text=True).stdout)
"#;
    works("python3", "a.py", program, "/usr/bin/python3 a.py").await;
}

#[tokio::test]
async fn node_with_workers_and_servers() {
    let program = r#"
const { Worker, isMainThread, parentPort } = require("worker_threads");
const { execFileSync } = require("child_process");
if (!isMainThread) return parentPort.postMessage(1);
require("fs").writeFileSync("/work/x", "x");
const server = require("net").createServer((socket) => socket.end("x")).listen(0, "127.0.0.1", () => {
  require("net").connect(server.address().port).on("data", () => {
    new Worker(__filename).on("message", () => {
      console.log(execFileSync("echo", ["fine"]).toString());
      process.exit(0);
    });
  });
});
"#;
    works("node", "a.js", program, "node a.js").await;
    works("npm", "package.json", "{}", "HOME=/tmp npm --version && echo fine").await;
}

#[tokio::test]
async fn java_with_threads_and_its_compiler() {
    let program = r#"
import java.util.concurrent.*;
public class A {
    public static void main(String[] a) throws Exception {
        var pool = Executors.newFixedThreadPool(40);
        long sum = 0;
        var parts = new java.util.ArrayList<Future<Long>>();
        for (int i = 0; i < 40; i++) parts.add(pool.submit(() -> {
            long x = 0;
            for (int j = 0; j < 2_000_000; j++) x += j % 7;
            return x;
        }));
        for (var part : parts) sum += part.get();
        pool.shutdown();
        try (var server = new java.net.ServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress())) {
            new java.net.Socket(server.getInetAddress(), server.getLocalPort()).close();
        }
        java.nio.file.Files.writeString(java.nio.file.Path.of("/work/x"), "" + sum);
        System.out.println("fine");
    }
}"#;
    works("javac", "A.java", program, "javac A.java && java A").await;
    let configuration = ["/etc/maven/m2.conf", "/etc/maven/logging"];
    let script = "HOME=/tmp mvn --version && ! test -e /etc/maven/settings.xml && echo fine";
    works_beside(&configuration, "mvn", "pom.xml", "<project/>", script).await;
}
