/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Calls kernels for tests on the PC. Reads (function, count, count × (bytes, content)) as int32_t from stdin, calls
 * the function with pointers to the buffers, writes their contents to stdout. Nothing lies beyond a buffer's last byte:
 * AddressSanitizer's red zone or, without it, a page that may not be touched. */
#define _DEFAULT_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "table.h" /* static void (*const table[])(void *const *) */

enum { MAX_BUFFERS = 12 };

#if defined(__SANITIZE_ADDRESS__)

static void *take(size_t bytes)
{
    return malloc(bytes);
}

static void give_back(void *buffer, size_t bytes)
{
    (void)bytes;
    free(buffer);
}

#else

static size_t whole_pages(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page;
}

/* Scratch may have any size and begins at a word, as in the arena; so up to three bytes lie between it and the page. */
static size_t whole_words(size_t bytes)
{
    return (bytes + 3) / 4 * 4;
}

static void *take(size_t bytes)
{
    const size_t used = whole_pages(bytes), page = whole_pages(1);
    char *start = mmap(NULL, used + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED || mprotect(start + used, page, PROT_NONE) != 0) {
        abort();
    }
    return start + used - whole_words(bytes);
}

static void give_back(void *buffer, size_t bytes)
{
    munmap((char *)buffer + whole_words(bytes) - whole_pages(bytes), whole_pages(bytes) + whole_pages(1));
}

#endif

static int read_all(void *to, size_t bytes)
{
    return fread(to, 1, bytes, stdin) == bytes;
}

int main(void)
{
    int32_t header[2];
    while (read_all(header, sizeof header)) {
        void *buffers[MAX_BUFFERS];
        size_t sizes[MAX_BUFFERS];
        for (int32_t i = 0; i < header[1]; i++) {
            int32_t bytes;
            if (i >= MAX_BUFFERS || !read_all(&bytes, sizeof bytes)) {
                return 1;
            }
            sizes[i] = (size_t)bytes;
            buffers[i] = take(sizes[i]);
            if (!read_all(buffers[i], sizes[i])) {
                return 1;
            }
        }
        table[header[0]](buffers);
        for (int32_t i = 0; i < header[1]; i++) {
            fwrite(buffers[i], 1, sizes[i], stdout);
            give_back(buffers[i], sizes[i]);
        }
        fflush(stdout);
    }
    return 0;
}
