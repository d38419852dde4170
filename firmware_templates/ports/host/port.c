/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* The PC as a board: standard input and output, the monotonic clock. */
#define _POSIX_C_SOURCE 199309L /* clock_gettime */

#include "port.h"

#include <stdio.h>
#include <time.h>

#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

static uint64_t start_us;

static uint64_t clock_us(void) {
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void tp_port_init(void) {
#ifdef _WIN32 /* which would make two bytes of the end of a line */
    (void)_setmode(_fileno(stdin), _O_BINARY);
    (void)_setmode(_fileno(stdout), _O_BINARY);
#endif
    start_us = clock_us();
}

int tp_port_read(void) {
    const int byte = getchar();
    return byte == EOF ? -1 : byte;
}

void tp_port_write(const char *bytes, size_t count) { fwrite(bytes, 1, count, stdout); }

void tp_port_flush(void) { fflush(stdout); }

uint64_t tp_port_time_us(void) { return clock_us() - start_us; }
