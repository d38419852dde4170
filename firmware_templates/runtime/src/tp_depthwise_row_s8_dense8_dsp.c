/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_kernels_dsp.h"
#include "tp_relu.h"

#define CHANNEL_WORDS TP_DEPTHWISE8_CHANNEL_WORDS

#if TP_DSP

/* Columns 0 to 4 of the outputs are r4 to r8. r9 and r10 become the pairs (x0, x1) and (x2, x3) of a row, r11 is x4, r12 is
 * (w0, w1), w2 is the lower half of lr. */
#define ROW(slot, byte, taps)                              \
    "ldr r12, [r2, #" taps "]\n\t"                         \
    "ldr r10, [r0, #" slot "]\n\t"                         \
    "ldrsb r11, [r1, #" byte "]\n\t"                       \
    "sxtb16 lr, r12, ror #8\n\t"                           \
    "sxtb16 r12, r12\n\t"                                  \
    "sxtb16 r9, r10\n\t"                                   \
    "sxtb16 r10, r10, ror #8\n\t"                          \
    "smlabt r4, r9, r12, r4\n\t"                           \
    "smlatb r4, r9, lr, r4\n\t"                            \
    "smlad r5, r9, r12, r5\n\t"                            \
    "smlabb r5, r10, lr, r5\n\t"                           \
    "smlatb r6, r10, lr, r6\n\t"                           \
    "smlad r7, r10, r12, r7\n\t"                           \
    "smlabb r7, r11, lr, r7\n\t"                           \
    "smlatb r8, r10, r12, r8\n\t"                          \
    "smlabt r8, r11, r12, r8\n\t"                          \
    "ldr r11, [sp, #8]\n\t"                                \
    "pkhbt r9, r10, r9\n\t" /* (x2, x1) */                 \
    "smladx r6, r9, r12, r6\n\t"                           \
    "smlabb r4, r11, r12, r4\n\t" /* left and right of the row is padding */ \
    "smlabb r8, r11, lr, r8\n\t"

/* On the stack: 0 plane_bytes, 4 weights_end, 8 input_zero_point. */
__attribute__((naked, noinline)) void tp_depthwise_row_s8_dense8_dsp(__attribute__((unused)) const tp_depthwise_row *job)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldr r5, [r0, #12]\n\t"
        "ldr r4, [r0, #16]\n\t"
        "ldr r6, [r0, #20]\n\t"
        "push {r4-r6}\n\t"
        "ldr r1, [r0, #4]\n\t"
        "ldr r2, [r0, #8]\n\t"
        "ldr r3, [r0, #24]\n\t"
        "ldr r0, [r0]\n\t"
        "1:\n\t"
        "ldr r4, [r2], #20\n\t"
        "mov r5, r4\n\t"
        "mov r6, r4\n\t"
        "mov r7, r4\n\t"
        "mov r8, r4\n\t"
        ROW("0", "0", "-16")
        ROW("4", "1", "-12")
        ROW("8", "2", "-8")
        "asr lr, lr, #16\n\t" /* t */
        TP_RELU_SCALE("r4", "r5", "r6", "r7", "r8", "lr", "r10")
        "ldr r9, [r2, #-4]\n\t"
        "ldr r11, [sp]\n\t"
        "ldr r12, [sp, #4]\n\t"
        TP_RELU_OUTPUTS("r4", "r5", "r6", "r7", "r8", "r9", "r10")
        "strb r5, [r3, #64]\n\t"
        "strb r6, [r3, #128]\n\t"
        "strb r7, [r3, #192]\n\t"
        "strb r8, [r3, #256]\n\t"
        "strb r4, [r3], #1\n\t"
        "add r0, r0, r11\n\t"
        "add r1, r1, r11\n\t"
        "cmp r2, r12\n\t"
        "bne 1b\n\t"
        "add sp, sp, #12\n\t"
        "pop {r4-r11, pc}");
}

#else

static void add_row(const int8_t *word, int32_t x4, int32_t zero_point, uint32_t taps, int32_t acc[TP_TILE_PIXELS])
{
    const uint32_t w01 = tp_sxtb16(taps);
    const int32_t w0 = tp_low(w01), w1 = tp_high(w01), w2 = tp_low(tp_sxtb16_ror8(taps));
    const int32_t x0 = word[0], x1 = word[2], x2 = word[1], x3 = word[3];
    acc[0] += zero_point * w0 + x0 * w1 + x1 * w2;
    acc[1] += x0 * w0 + x1 * w1 + x2 * w2;
    acc[2] += x1 * w0 + x2 * w1 + x3 * w2;
    acc[3] += x2 * w0 + x3 * w1 + x4 * w2;
    acc[4] += x3 * w0 + x4 * w1 + zero_point * w2;
}

void tp_depthwise_row_s8_dense8_dsp(const tp_depthwise_row *job)
{
    const int8_t *words = job->words, *bytes = job->bytes;
    int8_t *output = job->output;
    for (const uint32_t *weights = job->weights; weights != job->weights_end; weights += CHANNEL_WORDS) {
        int32_t acc[TP_TILE_PIXELS];
        for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
            acc[i] = (int32_t)weights[0];
        }
        for (int32_t row = 0; row < 3; row++) {
            add_row(words + 4 * row, bytes[row], job->input_zero_point, weights[1 + row], acc);
        }
        for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
            output[TP_ROW_CHANNELS * i] = tp_relu_output_scaled(acc[i], (int32_t)(weights[3] >> 24), (int32_t)weights[4]);
        }
        words += job->plane_bytes;
        bytes += job->plane_bytes;
        output++;
    }
}

#endif
