/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * What newlib asks of a system: none of it exists here. TFLite Micro allocates from its arena only, so a call of sbrk is
 * refused; output goes nowhere (logs go through tp_network_begin); an abort stops the firmware. The linker drops what
 * nobody calls. */
#include <errno.h>
#include <stddef.h>

int _close(int file);
int _fstat(int file, void *status);
int _getpid(void);
int _isatty(int file);
int _kill(int process, int signal);
int _lseek(int file, int offset, int whence);
int _read(int file, char *bytes, int count);
int _write(int file, const char *bytes, int count);
void *_sbrk(ptrdiff_t increment);
void _exit(int status) __attribute__((noreturn));

int _close(int file) { return (void)file, -1; }
int _fstat(int file, void *status) { return (void)file, (void)status, -1; }
int _getpid(void) { return 1; }
int _isatty(int file) { return (void)file, 0; }
int _kill(int process, int signal) { return (void)process, (void)signal, -1; }
int _lseek(int file, int offset, int whence) { return (void)file, (void)offset, (void)whence, -1; }
int _read(int file, char *bytes, int count) { return (void)file, (void)bytes, (void)count, -1; }
int _write(int file, const char *bytes, int count) { return (void)file, (void)bytes, count; }

void *_sbrk(ptrdiff_t increment) {
    (void)increment;
    errno = ENOMEM;
    return (void *)-1;
}

void _exit(int status) {
    (void)status;
    for (;;) {
        __asm__ volatile("wfe");
    }
}
