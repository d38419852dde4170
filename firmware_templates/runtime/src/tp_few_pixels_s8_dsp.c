/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_few_channels.h"

#if TP_DSP

/* 13 cycles, 36 bytes of code. */
#define EIGHT                              \
    "ldm.w r0!, {r3, r11, r12, lr}\n\t"    \
    "smlad r3, r3, r4, r8\n\t"             \
    "smlad r3, r11, r5, r3\n\t"            \
    "smlad r3, r12, r6, r3\n\t"            \
    "smlad r3, lr, r7, r3\n\t"             \
    TP_FEW_OUTPUT("r9", "r10")
/* 16 cycles, 44 bytes of code. */
#define NINE                               \
    "ldm.w r0!, {r3, r12, lr}\n\t"         \
    "smlad r3, r3, r4, r9\n\t"             \
    "smlad r3, r12, r5, r3\n\t"            \
    "smlad r3, lr, r6, r3\n\t"             \
    "ldm.w r0!, {r12, lr}\n\t"             \
    "smlad r3, r12, r7, r3\n\t"            \
    "smlad r3, lr, r8, r3\n\t"             \
    TP_FEW_OUTPUT("r10", "r11")

/* No register is left for it. */
#define END                \
    "ldr r3, [sp]\n\t"     \
    "cmp r0, r3\n\t"

__attribute__((naked, noinline)) void tp_few_pixels_s8_dsp(__attribute__((unused)) const tp_few *job)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r0, {r1-r6}\n\t" /* weights, expanded, output, pixels, channels, words */
        "cmp r6, #5\n\t"
        "beq.w 3f\n\t"
        TP_FEW_CHANNELS(EIGHT, "36", "16", "r4-r10", "", END)
        "3:\n\t"
        TP_FEW_CHANNELS(NINE, "44", "20", "r4-r11", "", END));
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
