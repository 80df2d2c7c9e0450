/*
 * A disk that fails when it is told to, put under the real program with LD_PRELOAD. Only files below a folder that
 * ends in ".store" are concerned. The folder $FAULTS tells what happens, and hears of what happened:
 *
 *   write, sync, open, read   while it is there, the call fails with the error whose number is in it
 *   stall                     while it is there, no sync returns; "stalled" says that one waits
 *   synced/NAME               what was in a file when it was last synced: what would survive a loss of power
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* The system's own calls: ours would ask themselves. */
static int raw_open(const char *path, int flags) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600);
}

static void path_of(const char *name, char *path, size_t size) {
    snprintf(path, size, "%s/%s", getenv("FAULTS"), name);
}

/* The error that is asked for, or 0. */
static int fault(const char *name) {
    char path[4096], text[16] = {0};
    path_of(name, path, sizeof path);
    int fd = raw_open(path, O_RDONLY);
    if (fd < 0) return 0;
    long count = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    return count > 0 ? atoi(text) : 0;
}

static void note(const char *name) {
    char path[4096];
    path_of(name, path, sizeof path);
    int fd = raw_open(path, O_WRONLY | O_CREAT);
    if (fd >= 0) syscall(SYS_close, fd);
}

/* Copies a file into the folder of faults, under a name that isn't its last yet. */
static void copy(const char *from, const char *to) {
    static char bytes[65536];
    int in = raw_open(from, O_RDONLY), out = raw_open(to, O_WRONLY | O_CREAT | O_TRUNC);
    long count;
    while (in >= 0 && out >= 0 && (count = syscall(SYS_read, in, bytes, sizeof bytes)) > 0) {
        if (syscall(SYS_write, out, bytes, count) != count) break;
    }
    if (in >= 0) syscall(SYS_close, in);
    if (out >= 0) syscall(SYS_close, out);
}

/* Whether a file is the store's; its path. */
static int of_store(int fd, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t count = readlink(link, path, size - 1);
    if (count <= 0) return 0;
    path[count] = 0;
    return strstr(path, ".store") != NULL;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    char path[4096];
    int error = of_store(fd, path, sizeof path) ? fault("write") : 0;
    if (error == 0) return REAL(write)(fd, bytes, count);
    /* Part of it may be in the file. */
    REAL(write)(fd, bytes, count / 2);
    errno = error;
    return -1;
}

ssize_t read(int fd, void *bytes, size_t count) {
    char path[4096];
    int error = of_store(fd, path, sizeof path) ? fault("read") : 0;
    if (error == 0) return REAL(read)(fd, bytes, count);
    errno = error;
    return -1;
}

static int sync_file(int fd, int (*real)(int)) {
    char path[4096], stall[4096], name[4200], synced[4096], beside[4200];
    if (!of_store(fd, path, sizeof path)) return real(fd);
    path_of("stall", stall, sizeof stall);
    if (access(stall, F_OK) == 0) {
        note("stalled");
        while (access(stall, F_OK) == 0) usleep(1000);
    }
    int error = fault("sync");
    if (error != 0) {
        errno = error;
        return -1;
    }
    snprintf(name, sizeof name, "synced/%s", strrchr(path, '/') + 1);
    path_of(name, synced, sizeof synced);
    snprintf(beside, sizeof beside, "%s~", synced);
    /* Before it is synced: nothing that comes meanwhile is sure to be. */
    copy(path, beside);
    int result = real(fd);
    if (result == 0) rename(beside, synced);
    return result;
}

int fdatasync(int fd) { return sync_file(fd, REAL(fdatasync)); }

int fsync(int fd) { return sync_file(fd, REAL(fsync)); }

static int open_file(const char *path, int flags, mode_t mode) {
    int error = (flags & O_CREAT) && strstr(path, ".store/") ? fault("open") : 0;
    if (error == 0) return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    errno = error;
    return -1;
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_file(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_file(path, flags | O_LARGEFILE, mode);
}
