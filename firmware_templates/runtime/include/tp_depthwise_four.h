/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Four outputs of a 3x3 depthwise convolution at a time, for cores without DSP instructions: a weight is loaded once for all. */
#ifndef TP_DEPTHWISE_FOUR_H
#define TP_DEPTHWISE_FOUR_H

#include "tp_armv6m.h"
#include "tp_kernels.h"

enum { TP_DEPTHWISE_SIZE = 3, TP_DEPTHWISE_TAPS = 9, TP_DEPTHWISE_FOUR = 4 };

/* Channels of which sums are to be made. All are words, in an order that assembly knows. */
typedef struct {
    const int8_t *x;       /* under the first tap, at the first output */
    const int8_t *weights; /* [3][3] */
    const tp_channel *channels;
    int32_t *acc, *end; /* [][4], and where to stop */
    int32_t step;       /* between outputs, in x */
    int32_t column;     /* between taps */
    int32_t row;        /* from the last tap of a row to the first of the next one */
    int32_t next;       /* from the last tap of all to the first of the next channel */
} tp_depthwise_task;

/* acc[c][i] = channel c's bias and weights . what is under them at output i; the task moves on to the channels behind. */
#if (defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__)) && defined(__GNUC__)

#define TP_TAP(k)                        \
    "ldrsb r8, [r0]\n\t"                 \
    "ldrsb r9, [r0, r3]\n\t"             \
    "ldrsb r10, [r0, r3, lsl #1]\n\t"    \
    "ldrsb r11, [r0, lr]\n\t"            \
    "ldrsb r12, [r1, #" #k "]\n\t"       \
    "mla r4, r8, r12, r4\n\t"            \
    "mla r5, r9, r12, r5\n\t"            \
    "mla r6, r10, r12, r6\n\t"           \
    "mla r7, r11, r12, r7\n\t"
#define TP_ROW(a, b, c) TP_TAP(a) "add r0, r0, r2\n\t" TP_TAP(b) "add r0, r0, r2\n\t" TP_TAP(c)
#define TP_NEXT(place) "ldr r12, [sp, #" #place "]\n\t" "add r0, r0, r12\n\t"

/* Loads stand back to back: 36 multiplications in 139 cycles of a Cortex-M3. r0 and r1 are x and weights, r2 is column, r3 and lr one
 * and three steps, r4 to r7 are the sums. On the stack: channels, acc, end, row, next; the task. */
__attribute__((naked, noinline)) static void tp_depthwise_four(__attribute__((unused)) tp_depthwise_task *task)
{
    __asm__ volatile(
        "push {r0, r4-r11, lr}\n\t"
        "sub sp, #20\n\t"
        "mov r12, r0\n\t"
        "ldr r4, [r12, #8]\n\t"
        "ldr r5, [r12, #12]\n\t"
        "ldr r6, [r12, #16]\n\t"
        "ldr r7, [r12, #28]\n\t"
        "ldr r8, [r12, #32]\n\t"
        "ldr r0, [r12]\n\t"
        "ldr r1, [r12, #4]\n\t"
        "ldr r2, [r12, #24]\n\t"
        "ldr r3, [r12, #20]\n\t"
        "stm sp, {r4-r8}\n\t"
        "add lr, r3, r3, lsl #1\n\t"
        "1:\n\t"
        "ldr r12, [sp]\n\t"
        "ldr r4, [r12], #12\n\t"
        "str r12, [sp]\n\t"
        "mov r5, r4\n\t"
        "mov r6, r4\n\t"
        "mov r7, r4\n\t"
        TP_ROW(0, 1, 2) TP_NEXT(12) TP_ROW(3, 4, 5) TP_NEXT(12) TP_ROW(6, 7, 8) TP_NEXT(16)
        "ldr r12, [sp, #4]\n\t"
        "ldr r8, [sp, #8]\n\t"
        "adds r1, #9\n\t"
        "stmia r12!, {r4-r7}\n\t"
        "str r12, [sp, #4]\n\t"
        "cmp r12, r8\n\t"
        "bne 1b\n\t"
        "ldr r4, [sp]\n\t"
        "add sp, #20\n\t"
        "ldr r12, [sp]\n\t"
        "str r0, [r12]\n\t"
        "str r1, [r12, #4]\n\t"
        "str r4, [r12, #8]\n\t"
        "pop {r0, r4-r11, pc}");
}

#undef TP_NEXT
#undef TP_ROW
#undef TP_TAP

#elif defined(__ARM_ARCH_6M__) && defined(__GNUC__)

#define TP_ONE(step, acc)           \
    "ldrsb r6, [r0, " step "]\n\t"  \
    "muls r6, r5, r6\n\t"           \
    "add " acc ", r6\n\t"
#define TP_TAP                \
    "ldrsb r5, [r1, r7]\n\t"  \
    "adds r1, #1\n\t"         \
    TP_ONE("r7", "r8") TP_ONE("r2", "r9") TP_ONE("r3", "r10") TP_ONE("r4", "r11")
#define TP_ROW TP_TAP "add r0, r12\n\t" TP_TAP "add r0, r12\n\t" TP_TAP

/* 36 multiplications in 180 cycles of a Cortex-M0+. r0 and r1 are x and weights, r2 to r4 one to three steps, r5 and r6 at work, r7
 * is 0, r8 to r11 are the sums, r12 is column, lr row. On the stack: 4 registers, the task. */
__attribute__((naked, noinline)) static void tp_depthwise_four(__attribute__((unused)) tp_depthwise_task *task)
{
    __asm__ volatile(
        TP_ENTER
        "mov r7, r0\n\t"
        "ldr r0, [r7]\n\t"
        "ldr r1, [r7, #4]\n\t"
        "ldr r2, [r7, #20]\n\t"
        "adds r3, r2, r2\n\t"
        "adds r4, r3, r2\n\t"
        "ldr r5, [r7, #24]\n\t"
        "mov r12, r5\n\t"
        "ldr r5, [r7, #28]\n\t"
        "mov lr, r5\n\t"
        "1:\n\t"
        "ldr r7, [sp, #16]\n\t"
        "ldr r5, [r7, #8]\n\t"
        "ldr r6, [r5]\n\t"
        "adds r5, #12\n\t"
        "str r5, [r7, #8]\n\t"
        "mov r8, r6\n\t"
        "mov r9, r6\n\t"
        "mov r10, r6\n\t"
        "mov r11, r6\n\t"
        "movs r7, #0\n\t"
        TP_ROW "add r0, lr\n\t" TP_ROW "add r0, lr\n\t" TP_ROW
        "ldr r7, [sp, #16]\n\t"
        "ldr r5, [r7, #32]\n\t"
        "adds r0, r0, r5\n\t"
        "ldr r5, [r7, #12]\n\t"
        "mov r6, r8\n\t"
        "stmia r5!, {r6}\n\t"
        "mov r6, r9\n\t"
        "stmia r5!, {r6}\n\t"
        "mov r6, r10\n\t"
        "stmia r5!, {r6}\n\t"
        "mov r6, r11\n\t"
        "stmia r5!, {r6}\n\t"
        "str r5, [r7, #12]\n\t"
        "ldr r6, [r7, #16]\n\t"
        "cmp r5, r6\n\t"
        "beq 2f\n\t"
        "b 1b\n\t"
        "2:\n\t"
        "str r0, [r7]\n\t"
        "str r1, [r7, #4]\n\t"
        TP_LEAVE);
}

#undef TP_ROW
#undef TP_TAP
#undef TP_ONE

#else

static inline void tp_depthwise_four(tp_depthwise_task *task)
{
    for (; task->acc != task->end; task->acc += TP_DEPTHWISE_FOUR) {
        const int32_t bias = task->channels++->bias;
        for (int32_t i = 0; i < TP_DEPTHWISE_FOUR; i++) {
            const int8_t *x = task->x + i * task->step;
            task->acc[i] = bias;
            for (int32_t tap = 0; tap < TP_DEPTHWISE_TAPS; tap++) {
                task->acc[i] += *x * task->weights[tap];
                x += tap % TP_DEPTHWISE_SIZE < 2 ? task->column : tap + 1 < TP_DEPTHWISE_TAPS ? task->row : 0;
            }
        }
        task->weights += TP_DEPTHWISE_TAPS;
        task->x++;
    }
}

#endif

#endif
