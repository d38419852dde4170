/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_few.h"
#include "tp_relu.h"

#if TP_DSP

/* In assembly as a whole, for its 14 registers: r0 is the pixel, r1 its output, r2 bytes to the next one's, r4 and those behind it
 * the channel's weights and numbers; the others are the pixel's words, and r3 its sum. */
#define OUTPUT(multiplier, offset)                        \
    "smmla r3, r3, " multiplier ", " offset "\n\t"        \
    TP_RELU_SATURATE("r3")                                \
    "strb.w r3, [r1]\n\t"                                 \
    "add.w r1, r1, r2\n\t"
/* 13 cycles, 36 bytes of code. */
#define EIGHT                              \
    "ldm.w r0!, {r3, r11, r12, lr}\n\t"    \
    "smlad r3, r3, r4, r8\n\t"             \
    "smlad r3, r11, r5, r3\n\t"            \
    "smlad r3, r12, r6, r3\n\t"            \
    "smlad r3, lr, r7, r3\n\t"             \
    OUTPUT("r9", "r10")
/* 16 cycles, 44 bytes of code. */
#define NINE                               \
    "ldm.w r0!, {r3, r12, lr}\n\t"         \
    "smlad r3, r3, r4, r9\n\t"             \
    "smlad r3, r12, r5, r3\n\t"            \
    "smlad r3, lr, r6, r3\n\t"             \
    "ldm.w r0!, {r12, lr}\n\t"             \
    "smlad r3, r12, r7, r3\n\t"            \
    "smlad r3, lr, r8, r3\n\t"             \
    OUTPUT("r10", "r11")

/* On the stack: 0 the pixels' end, 4 where to enter the run, 8 weights, 12 the first pixel, 16 its output, 20 channels left. */
#define CHANNELS(pixel, pixel_code_bytes, pixel_bytes, numbers)                   \
    "mov r7, #" pixel_code_bytes "\n\t"                                           \
    "rsb r6, r4, #0\n\t"                                                          \
    "and r6, r6, #7\n\t"                                                          \
    "mul r7, r7, r6\n\t"                                                          \
    "adr.w r6, 2f\n\t"                                                            \
    "add r7, r7, r6\n\t"                                                          \
    "orr r7, r7, #1\n\t"                                                          \
    "mov r6, #" pixel_bytes "\n\t"                                                \
    "mla r6, r4, r6, r2\n\t"                                                      \
    "push {r1-r3, r5}\n\t"                                                        \
    "push {r6, r7}\n\t"                                                           \
    "mov r2, r5\n\t"                                                              \
    "1:\n\t" /* a channel */                                                      \
    "ldr lr, [sp, #8]\n\t"                                                        \
    "ldr r0, [sp, #12]\n\t"                                                       \
    "ldr r1, [sp, #16]\n\t"                                                       \
    "ldr r3, [sp, #4]\n\t"                                                        \
    "ldm lr!, {" numbers "}\n\t"                                                  \
    "str lr, [sp, #8]\n\t"                                                        \
    "add lr, r1, #1\n\t"                                                          \
    "str lr, [sp, #16]\n\t"                                                       \
    "bx r3\n\t"                                                                   \
    ".balign 4\n\t"                                                               \
    "2:\n\t" /* a run of eight pixels */                                          \
    pixel pixel pixel pixel pixel pixel pixel pixel                               \
    "ldr r3, [sp]\n\t"                                                            \
    "cmp r0, r3\n\t"                                                              \
    "bne.w 2b\n\t"                                                                \
    "ldr r3, [sp, #20]\n\t"                                                       \
    "subs r3, r3, #1\n\t"                                                         \
    "str r3, [sp, #20]\n\t"                                                       \
    "bne.w 1b\n\t"                                                                \
    "add sp, sp, #24\n\t"                                                         \
    "pop {r4-r11, pc}\n\t"

__attribute__((naked, noinline)) void tp_few_pixels_s8_dsp(__attribute__((unused)) const tp_few *job)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r0, {r1-r6}\n\t" /* weights, expanded, output, pixels, channels, words */
        "cmp r6, #5\n\t"
        "beq.w 3f\n\t"
        CHANNELS(EIGHT, "36", "16", "r4-r10")
        "3:\n\t"
        CHANNELS(NINE, "44", "20", "r4-r11"));
}

#else

void tp_few_pixels_s8_dsp(const tp_few *job)
{
    const uint32_t *weights = job->weights;
    for (int32_t channel = 0; channel < job->channels; channel++) {
        const uint32_t *const numbers = weights + job->words;
        for (int32_t i = 0; i < job->pixels; i++) {
            const uint32_t *const pairs = job->expanded + i * job->words;
            int32_t acc = (int32_t)numbers[0];
            for (int32_t n = 0; n < job->words; n++) {
                acc = tp_smlad(pairs[n], weights[n], acc);
            }
            job->output[i * job->channels + channel] = tp_relu_output(acc, (int32_t)numbers[1], (int32_t)numbers[2]);
        }
        weights = numbers + 3;
    }
}

#endif
