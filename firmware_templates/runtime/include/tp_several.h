/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Several outputs of a channel, for cores without DSP instructions: what they share is worked out once. */
#ifndef TP_SEVERAL_H
#define TP_SEVERAL_H

#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"

enum { TP_SEVERAL = 4 };

/* With shifts of up to these bits to the right no sum of tp_requantize_fast overflows, if an accumulator is within the limit. On a
 * Cortex-M0+ it is that within which three products of 32 bits do for one of 64. */
#if defined(__ARM_ARCH_6M__)
enum { TP_SEVERAL_SHIFT = 21, TP_SEVERAL_LIMIT = 1 << 20 };
#else
enum { TP_SEVERAL_SHIFT = 21, TP_SEVERAL_LIMIT = 1 << 28 };
#endif

/* What a channel's outputs share. The multiplier is high * 2^21 + middle * 2^10 + low, in three for the Cortex-M0+. */
typedef struct {
    int32_t low, middle, high, right_shift, offset, step;
} tp_several;

/* tp_requantize_fast of acc[0 to 3], limited to int8, every `step` bytes: ((acc >> 31) + x + offset) >> right_shift, where x is
 * acc * multiplier / 2^31 to the nearest. */
#if defined(__ARM_ARCH_6M__) && defined(__GNUC__)

/* 28 cycles of a Cortex-M0+. r0 is acc, r1 output, r2 and r7 what is at work, r3 the shift, r4 to r6 the multiplier, r8 the offset,
 * r9 the step, r12 and lr what is kept and 2^9. */
#define TP_ONE_OF_SEVERAL    \
    "ldmia r0!, {r7}\n\t"    \
    "movs r2, r4\n\t"        \
    "muls r2, r7, r2\n\t"    \
    "asrs r2, r2, #10\n\t"   \
    "mov r12, r2\n\t"        \
    "movs r2, r5\n\t"        \
    "muls r2, r7, r2\n\t"    \
    "add r2, r12\n\t"        \
    "asrs r2, r2, #11\n\t"   \
    "add r2, lr\n\t"         \
    "mov r12, r2\n\t"        \
    "movs r2, r6\n\t"        \
    "muls r2, r7, r2\n\t"    \
    "add r2, r12\n\t"        \
    "asrs r2, r2, #10\n\t"   \
    "asrs r7, r7, #31\n\t"   \
    "adds r2, r2, r7\n\t"    \
    "add r2, r8\n\t"         \
    "asrs r2, r3\n\t"        \
    "sxtb r7, r2\n\t"        \
    "cmp r7, r2\n\t"         \
    "beq 1f\n\t"             \
    "asrs r2, r2, #31\n\t"   \
    "movs r7, #127\n\t"      \
    "eors r2, r7\n\t"        \
    "1:\n\t"                 \
    "strb r2, [r1]\n\t"      \
    "add r1, r9\n\t"

__attribute__((naked, noinline)) static void tp_put_fast(__attribute__((unused)) const int32_t *acc,
                                                         __attribute__((unused)) int8_t *output,
                                                         __attribute__((unused)) const tp_several *shared)
{
    __asm__ volatile(
        ".syntax unified\n\t" /* GCC has the old one for this core */
        "push {r4-r7, lr}\n\t"
        "mov r4, r8\n\t"
        "mov r5, r9\n\t"
        "push {r4, r5}\n\t"
        "movs r3, #1\n\t"
        "lsls r3, r3, #9\n\t"
        "mov lr, r3\n\t"
        "ldmia r2!, {r4-r6}\n\t"
        "ldmia r2!, {r3}\n\t"
        "ldmia r2!, {r7}\n\t"
        "mov r8, r7\n\t"
        "ldmia r2!, {r7}\n\t"
        "mov r9, r7\n\t"
        TP_ONE_OF_SEVERAL TP_ONE_OF_SEVERAL TP_ONE_OF_SEVERAL TP_ONE_OF_SEVERAL
        "pop {r4, r5}\n\t"
        "mov r8, r4\n\t"
        "mov r9, r5\n\t"
        "pop {r4-r7, pc}");
}

#undef TP_ONE_OF_SEVERAL

#elif (defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__)) && defined(__GNUC__)

#define TP_ONE_OF_SEVERAL(x)                             \
    "lsl %[" x "], %[" x "], #1\n\t"                     \
    "smull %[low], %[" x "], %[" x "], %[multiplier]\n\t" \
    "add %[" x "], %[" x "], %[low], lsr #31\n\t"        \
    "add %[" x "], %[" x "], %[" x "], asr #31\n\t"      \
    "add %[" x "], %[" x "], %[offset]\n\t"              \
    "asr %[" x "], %[" x "], %[shift]\n\t"               \
    "ssat %[" x "], #8, %[" x "]\n\t"                    \
    "strb %[" x "], [%[output]]\n\t"                     \
    "add %[output], %[output], %[step]\n\t"

/* 62 cycles of a Cortex-M3, on which compilers mix the four, and run out of registers. */
TP_INLINE void tp_put_fast(const int32_t *acc, int8_t *output, const tp_several *shared)
{
    const int32_t multiplier = shared->high * (1 << 21) + shared->middle * (1 << 10) + shared->low;
    int32_t a, b, low;
    __asm__ volatile(
        "ldrd %[a], %[b], [%[acc]]\n\t"
        TP_ONE_OF_SEVERAL("a") TP_ONE_OF_SEVERAL("b")
        "ldrd %[a], %[b], [%[acc], #8]\n\t"
        TP_ONE_OF_SEVERAL("a") TP_ONE_OF_SEVERAL("b")
        : [a] "=&r"(a), [b] "=&r"(b), [low] "=&r"(low), [output] "+&r"(output)
        : [acc] "r"(acc), [multiplier] "r"(multiplier), [offset] "r"(shared->offset), [shift] "r"(shared->right_shift),
          [step] "r"(shared->step)
        : "cc", "memory");
}

#undef TP_ONE_OF_SEVERAL

#else

TP_INLINE void tp_put_fast(const int32_t *acc, int8_t *output, const tp_several *shared)
{
    const int32_t multiplier = shared->high * (1 << 21) + shared->middle * (1 << 10) + shared->low;
    for (int32_t i = 0; i < TP_SEVERAL; i++) {
        *output = (int8_t)tp_ssat8(tp_requantize_fast(acc[i], multiplier, shared->right_shift, shared->offset));
        output += shared->step;
    }
}

#endif

/* Four outputs of a channel that tp_put_fast does not reach. */
TP_NOINLINE void tp_put_exactly(const tp_range *range, const tp_channel *channel, const int32_t *acc, int8_t *output, int32_t step)
{
    for (int32_t i = 0; i < TP_SEVERAL; i++) {
        output[i * step] = tp_output_within(*range, acc[i], channel);
    }
}

/* Whether all four are from -TP_SEVERAL_LIMIT to below it. */
TP_INLINE int tp_are_small(const int32_t *acc)
{
    const uint32_t a = (uint32_t)acc[0] + TP_SEVERAL_LIMIT, b = (uint32_t)acc[1] + TP_SEVERAL_LIMIT;
    const uint32_t c = (uint32_t)acc[2] + TP_SEVERAL_LIMIT, d = (uint32_t)acc[3] + TP_SEVERAL_LIMIT;
    return (a | b | c | d) < 2 * TP_SEVERAL_LIMIT;
}

/* TP_SEVERAL outputs of each of `count` channels that lie side by side, the next ones `step` bytes behind. An accumulator has the
 * bias and what `taps` multiplications give; it is looked at only where these could be too much. */
TP_NOINLINE void tp_put_several(const tp_range *range, const tp_channel *channels, int32_t count, int32_t taps,
                                const int32_t (*acc)[TP_SEVERAL], int8_t *output, int32_t step)
{
    const int32_t room = TP_SEVERAL_LIMIT - (taps < TP_SEVERAL_LIMIT >> 14 ? taps << 14 : TP_SEVERAL_LIMIT);
    const int32_t highest_shift = range->high - range->low == UINT8_MAX ? TP_SEVERAL_SHIFT : 0;
    for (const tp_channel *const end = channels + count; channels != end; channels++) {
        const int32_t right_shift = -channels->shift, multiplier = channels->multiplier;
        const int is_small = (channels->bias < room && channels->bias > -room) || tp_are_small(*acc);
        if (is_small && right_shift > 0 && right_shift <= highest_shift) {
            const int32_t offset = tp_fast_offset(right_shift, range->zero_point);
            const tp_several shared = {multiplier & 0x3ff, multiplier >> 10 & 0x7ff, multiplier >> 21, right_shift, offset, step};
            tp_put_fast(*acc, output, &shared);
        } else {
            tp_put_exactly(range, channels, *acc, output, step);
        }
        acc++;
        output++;
    }
}

#endif
