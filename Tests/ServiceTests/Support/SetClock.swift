import Foundation
import Testing

/// The clock that a service believes to be people's: this machine's and an offset, which a test sets as an operator
/// sets a clock. By a library for LD_PRELOAD that reads the offset from a file.
struct SetClock {
    let library: String
    private let file: String

    init(in directory: String) async throws {
        file = directory + "/offset"
        library = directory + "/clock.so"
        let source = """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <fcntl.h>
            #include <stddef.h>
            #include <sys/mman.h>
            #include <sys/time.h>
            #include <time.h>
            #include <unistd.h>
            static volatile long long *offset;
            static int (*real)(clockid_t, struct timespec *);
            __attribute__((constructor)) static void begin(void) {
                int file = open("\(file)", O_RDONLY | O_CLOEXEC);
                void *page = mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
                close(file);
                real = dlsym(RTLD_NEXT, "clock_gettime");
                if (page != MAP_FAILED) offset = page;
            }
            int clock_gettime(clockid_t clock, struct timespec *time) {
                if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
                int result = real(clock, time);
                if (result != 0 || !offset || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return result;
                long long all = time->tv_sec * 1000000000LL + time->tv_nsec + *offset * 1000;
                time->tv_sec = all / 1000000000;
                time->tv_nsec = all % 1000000000;
                return 0;
            }
            int gettimeofday(struct timeval *restrict value, void *restrict zone) {
                struct timespec time;
                clock_gettime(CLOCK_REALTIME, &time);
                value->tv_sec = time.tv_sec;
                value->tv_usec = time.tv_nsec / 1000;
                return 0;
            }
            time_t time(time_t *value) {
                struct timespec time;
                clock_gettime(CLOCK_REALTIME, &time);
                if (value) *value = time.tv_sec;
                return time.tv_sec;
            }
            """
        try source.write(toFile: directory + "/clock.c", atomically: true, encoding: .utf8)
        try set(by: 0)
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        compiler.arguments = ["clang", "-shared", "-fPIC", "-o", library, directory + "/clock.c", "-ldl"]
        try compiler.run()
        #expect(await compiler.exitCode() == 0)
    }

    /// - Parameter offset: from this machine's clock, µs.
    func set(by offset: Int64) throws {
        let handle: FileHandle
        if FileManager.default.fileExists(atPath: file) {
            handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
        } else {
            _ = FileManager.default.createFile(atPath: file, contents: nil)
            handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
        }
        try handle.write(contentsOf: withUnsafeBytes(of: offset) { Data($0) })
        try handle.close()
    }

    /// What the clock of the machine that the tests run on shows, µs since 1970.
    static var machine: Int64 { Int64(Date.now.timeIntervalSince1970 * 1_000_000) }
}
