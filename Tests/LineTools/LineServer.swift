import Glibc
public import Tools

/// A small server that speaks in lines, in Python: what a test needs of a process that lasts.
///
/// A request is `NUMBER VERB TEXT`, an answer `NUMBER HOW TEXT`, in any order. Each request has a thread of its own. What is
/// begun is written as a line to the file LINES_LOG first: so a test knows what was executed, and how often.
///
/// | verb | what happens |
/// |---|---|
/// | `echo` | answers `ok TEXT` |
/// | `pid` | answers `ok` and the process's number |
/// | `meet` | answers `ok` when a second one of the same text has come |
/// | `wait` | never answers, unless it is cancelled |
/// | `cancel` | the request of the number TEXT is answered `cancelled` |
/// | `exit` | the process ends with this code |
/// | `kill` | it ends by SIGKILL |
/// | `flood` | it writes lines without end; `shout`: one line without end |
/// | `rage` | it writes to standard error without end, and then does nothing else |
/// | `deaf` | answers `ok`, and reads nothing any more |
/// | `fork` | leaves daemons behind, in sessions of their own, and answers `ok` |
/// | `say` | writes the text to standard error, and answers `ok` |
///
/// At the end of its input it writes `end` to the log and ends with code 7, unless LINES_STAYS is set. It, and whatever it
/// forks, holds the pipe LINES_HOLD open for writing, if that is set.
public enum LineServer {
    public static func program(
        in directory: String, log: String, environment: [String: String] = [:]
    ) -> LongLivedProcess.Program {
        var variables = ["PATH": path, "LINES_LOG": log, "PYTHONDONTWRITEBYTECODE": "1"]
        variables.merge(environment) { _, own in own }
        return LongLivedProcess.Program(
            arguments: ["python3", "-S", "-c", source], directory: directory, environment: variables)
    }

    /// Where Python is.
    public static let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"

    /// A request as a line.
    public static func line(_ number: Int, _ verb: String, _ text: String = "") -> [UInt8] {
        Array("\(number) \(verb) \(text)\n".utf8)
    }

    private static let source = #"""
        import os, signal, sys, threading
        if "LINES_HOLD" in os.environ: os.open(os.environ["LINES_HOLD"], os.O_WRONLY)
        lock = threading.Lock()
        meetings = {}

        def write(line):
            with lock:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()

        def log(line):
            file = os.open(os.environ["LINES_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(file, (line + "\n").encode())
            os.close(file)

        def daemon(ready):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    signal.signal(signal.SIGTERM, signal.SIG_IGN)
                    os.write(ready, b".")
                    while True: signal.pause()
                os._exit(0)

        def act(number, verb, text):
            if verb == "echo": write(number + " ok " + text)
            elif verb == "pid": write(number + " ok " + str(os.getpid()))
            elif verb == "meet":
                with lock:
                    met = meetings.setdefault(text, [])
                    met.append(number)
                    if len(met) < 2: return
                    del meetings[text]
                for one in met: write(one + " ok " + text)
            elif verb == "cancel": write(text + " cancelled")
            elif verb == "exit": os._exit(int(text))
            elif verb == "kill": os.kill(os.getpid(), signal.SIGKILL)
            elif verb == "flood":
                while True: write("0 more " + "x" * 20)
            elif verb == "shout":
                while True: os.write(1, b"x" * 65536)
            elif verb == "rage":
                while True: os.write(2, b"y" * 65535 + b"\n")
            elif verb == "fork":
                there, ready = os.pipe()
                for _ in range(3): daemon(ready)
                for _ in range(3): os.read(there, 1)
                write(number + " ok")
            elif verb == "say":
                os.write(2, (text + "\n").encode())
                write(number + " ok")

        while True:
            line = sys.stdin.readline()
            if not line: break
            number, verb, text = (line.rstrip("\n").split(" ", 2) + ["", ""])[:3]
            if verb == "deaf":
                write(number + " ok")
                while True: signal.pause()
            if verb != "cancel": log(verb + " " + text)
            threading.Thread(target=act, args=(number, verb, text), daemon=True).start()
        log("end")
        while "LINES_STAYS" in os.environ: signal.pause()
        os._exit(7)
        """#
}
