/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * How assembly for a Cortex-M0+ begins and ends that works in all registers: compilers do not keep sums in the upper ones. */
#ifndef TP_ARMV6M_H
#define TP_ARMV6M_H

/* The argument in r0 lies at [sp, #16] then. GCC has the old syntax for this core. */
#define TP_ENTER                \
    ".syntax unified\n\t"       \
    "push {r0, r4-r7, lr}\n\t"  \
    "mov r4, r8\n\t"            \
    "mov r5, r9\n\t"            \
    "mov r6, r10\n\t"           \
    "mov r7, r11\n\t"           \
    "push {r4-r7}\n\t"
#define TP_LEAVE                \
    "pop {r4-r7}\n\t"           \
    "mov r8, r4\n\t"            \
    "mov r9, r5\n\t"            \
    "mov r10, r6\n\t"           \
    "mov r11, r7\n\t"           \
    "pop {r0, r4-r7, pc}"

#endif
