/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Sums of dense weights for four pixels, as tp_four_pixels.h wants them. */
#ifndef TP_HALVES_FOUR_H
#define TP_HALVES_FOUR_H

#include "tp_four_pixels.h"

/* Where the number of taps is odd, the first one is alone. In assembly two steps of two taps follow each other; with an odd number
 * of steps the second begins. */
#if (defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__)) && defined(__GNUC__)

#define TP_ADD                      \
    "add r4, r4, r8\n\t"            \
    "add r5, r5, r8, asr #16\n\t"   \
    "add r6, r6, r9\n\t"            \
    "add r7, r7, r9, asr #16\n\t"
#define TP_STEP                     \
    "ldr r9, [r1, #4]\n\t"          \
    "ldr r10, [r1, #8]\n\t"         \
    "ldr r11, [r1, #12]\n\t"        \
    "ldr r8, [r1], #16\n\t"         \
    "ldrsb lr, [r0, #1]\n\t"        \
    "ldrsb r12, [r0], #2\n\t"       \
    "mla r8, r8, r12, r3\n\t"       \
    "mla r9, r9, r12, r3\n\t"       \
    "mla r8, r10, lr, r8\n\t"       \
    "mla r9, r11, lr, r9\n\t" TP_ADD

/* 16 multiplications in 42 cycles of a Cortex-M3. r0 and r1 are weights and pixels, r2 is where the weights end, r3 TP_MIDDLE, r4 to r7
 * are the sums. */
__attribute__((naked, noinline)) static void tp_sums_of_halves(__attribute__((unused)) tp_sums *now)
{
    __asm__ volatile(
        "push {r0, r4-r11, lr}\n\t"
        "ldr r0, [r0]\n\t"
        "movw r3, #0x8000\n\t"
        "1:\n\t" /* a channel */
        "ldr r12, [sp]\n\t"
        "ldr r1, [r12, #4]\n\t"
        "ldr r2, [r12, #8]\n\t"
        "ldr r8, [r12, #12]\n\t"
        "ldr r9, [r12, #24]\n\t"
        "ldr r5, [r8], #12\n\t"
        "str r8, [r12, #12]\n\t"
        "add r4, r5, r5, lsl #16\n\t"
        "sub r4, r4, r9\n\t"
        "mov r6, r4\n\t"
        "mov r7, r5\n\t"
        "lsrs r10, r2, #1\n\t"
        "add r2, r2, r0\n\t"
        "bcc 2f\n\t"
        "ldrsb r12, [r0], #1\n\t"
        "ldr r9, [r1, #4]\n\t"
        "ldr r8, [r1], #8\n\t"
        "mla r8, r8, r12, r3\n\t"
        "mla r9, r9, r12, r3\n\t" TP_ADD
        "2:\n\t"
        "cmp r0, r2\n\t"
        "beq 5f\n\t"
        "tst r10, #1\n\t"
        "bne 4f\n\t"
        "3:\n\t" TP_STEP
        "4:\n\t" TP_STEP
        "cmp r0, r2\n\t"
        "bne 3b\n\t"
        "5:\n\t"
        "ldr r12, [sp]\n\t"
        "ldr r8, [r12, #16]\n\t"
        "ldr r9, [r12, #20]\n\t"
        "sub r4, r4, r5, lsl #16\n\t"
        "sub r6, r6, r7, lsl #16\n\t"
        "stmia r8!, {r4-r7}\n\t"
        "str r0, [r12]\n\t"
        "str r8, [r12, #16]\n\t"
        "cmp r8, r9\n\t"
        "bne 1b\n\t"
        "pop {r0, r4-r11, pc}");
}

#undef TP_STEP
#undef TP_ADD

#elif defined(__ARM_ARCH_6M__) && defined(__GNUC__)

#define TP_ADD              \
    "add r4, lr\n\t"        \
    "add r8, r4\n\t"        \
    "asrs r4, r4, #16\n\t"  \
    "add r9, r4\n\t"        \
    "add r5, lr\n\t"        \
    "add r10, r5\n\t"       \
    "asrs r5, r5, #16\n\t"  \
    "add r11, r5\n\t"
#define TP_TAP(low, high)               \
    "ldmia r1!, {" low ", " high "}\n\t" \
    "ldrsb r2, [r0, r3]\n\t"            \
    "adds r0, #1\n\t"                   \
    "muls " low ", r2, " low "\n\t"     \
    "muls " high ", r2, " high "\n\t"
#define TP_STEP TP_TAP("r4", "r5") TP_TAP("r6", "r7") "adds r4, r4, r6\n\t" "adds r5, r5, r7\n\t" TP_ADD

/* 16 multiplications in 54 cycles of a Cortex-M0+. r0 and r1 are weights and pixels, r3 is 0, r2 and r4 to r7 are at work, r8 to r11
 * are the sums, r12 is where the weights end, lr TP_MIDDLE. On the stack: 4 registers, now. */
__attribute__((naked, noinline)) static void tp_sums_of_halves(__attribute__((unused)) tp_sums *now)
{
    __asm__ volatile(
        TP_ENTER
        "ldr r0, [r0]\n\t"
        "movs r4, #1\n\t"
        "lsls r4, r4, #15\n\t"
        "mov lr, r4\n\t"
        "1:\n\t" /* a channel */
        "ldr r7, [sp, #16]\n\t"
        "ldr r1, [r7, #4]\n\t"
        "ldr r6, [r7, #8]\n\t"
        TP_FIRST_SUMS
        "adds r2, r6, r0\n\t"
        "mov r12, r2\n\t"
        "movs r3, #0\n\t"
        "lsrs r6, r6, #1\n\t"
        "bcc 2f\n\t"
        TP_TAP("r4", "r5") TP_ADD
        "2:\n\t"
        "cmp r0, r12\n\t"
        "beq 5f\n\t"
        "lsrs r6, r6, #1\n\t"
        "bcs 4f\n\t"
        "3:\n\t" TP_STEP
        "4:\n\t" TP_STEP
        "cmp r0, r12\n\t"
        "bne 3b\n\t"
        "5:\n\t"
        "ldr r7, [sp, #16]\n\t"
        TP_KEEP_SUMS
        "bne 1b\n\t"
        TP_LEAVE);
}

#undef TP_STEP
#undef TP_TAP
#undef TP_ADD

#else

static void tp_sums_of_halves(tp_sums *now)
{
    const int8_t *w = now->weights;
    for (; now->acc != now->end; now->acc += TP_PIXELS) {
        const int32_t bias = now->channels++->bias;
        for (int32_t pair = 0; pair < 2; pair++) {
            const uint32_t *const x = now->expanded + pair;
            uint32_t both = (uint32_t)bias + ((uint32_t)bias << 16) - (uint32_t)now->middles;
            int32_t second = bias;
            for (int32_t tap = -(now->count % 2); tap < now->count; tap += 2) {
                const uint32_t a = tap < 0 ? 0 : (uint32_t)w[tap] * x[2 * tap];
                const uint32_t step = a + (uint32_t)w[tap + 1] * x[2 * tap + 2] + TP_MIDDLE;
                both += step;
                second += (int32_t)step >> 16;
            }
            now->acc[2 * pair] = (int32_t)(both - ((uint32_t)second << 16));
            now->acc[2 * pair + 1] = second;
        }
        w += now->count;
    }
    now->weights = w;
}

#endif

#endif
