/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_four_pixels.h"

enum { GROUP_BYTES = 4 * 2 * sizeof(uint32_t), BLOCK = 4 /* groups that share an address */ };

/* Of a group's two kept weights. */
#if defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__)

/* A group whose weights are word `k` at r0: 21 cycles of a Cortex-M3, for which loads stand back to back. */
#define GROUP(k)                            \
    "ldrb r8, [r0, #4*" #k "+3]\n\t"        \
    "ldrb r9, [r0, #4*" #k "+2]\n\t"        \
    "ldrsb r10, [r0, #4*" #k "]\n\t"        \
    "ldrsb r11, [r0, #4*" #k "+1]\n\t"      \
    "ldr r12, [r1, r8]\n\t"                 \
    "ldr lr, [r1, r9]\n\t"                  \
    "ldr r8, [r2, r8]\n\t"                  \
    "ldr r9, [r2, r9]\n\t"                  \
    "mla r12, r12, r10, r3\n\t"             \
    "mla r8, r8, r10, r3\n\t"               \
    "mla r12, lr, r11, r12\n\t"             \
    "mla r8, r9, r11, r8\n\t"               \
    "add r4, r4, r12\n\t"                   \
    "add r5, r5, r12, asr #16\n\t"          \
    "add r6, r6, r8\n\t"                    \
    "add r7, r7, r8, asr #16\n\t"

/* r0 to r2 are weights, pixels 0 and 1, 2 and 3; r3 is MIDDLE; r4 to r7 are the sums. On the stack: the task, groups that are no
 * block, bytes of those that are, where they end. */
__attribute__((naked, noinline)) static void sums(__attribute__((unused)) tp_sums *now)
{
    __asm__ volatile(
        "push {r0, r4-r11, lr}\n\t"
        "sub sp, #16\n\t"
        "ldr r1, [r0, #8]\n\t"
        "and r2, r1, #3\n\t"
        "bic r3, r1, #3\n\t"
        "lsl r2, r2, #2\n\t"
        "lsl r3, r3, #2\n\t"
        "str r2, [sp]\n\t"
        "str r3, [sp, #4]\n\t"
        "movw r3, #0x8000\n\t"
        "1:\n\t" /* a channel */
        "ldr r12, [sp, #16]\n\t"
        "ldrd r0, r1, [r12]\n\t"
        "ldr r8, [r12, #12]\n\t"
        "ldr r9, [r12, #24]\n\t"
        "ldr r5, [r8], #12\n\t"
        "str r8, [r12, #12]\n\t"
        "ldrd r10, r11, [sp]\n\t"
        "add r2, r1, #4\n\t"
        "add r4, r5, r5, lsl #16\n\t"
        "sub r4, r4, r9\n\t"
        "mov r6, r4\n\t"
        "mov r7, r5\n\t"
        "add r10, r10, r0\n\t"
        "add r11, r11, r10\n\t"
        "strd r10, r11, [sp, #8]\n\t"
        "cmp r0, r10\n\t"
        "beq 3f\n\t"
        "2:\n\t" GROUP(0)
        "adds r0, #4\n\t"
        "adds r1, #32\n\t"
        "adds r2, #32\n\t"
        "ldr r12, [sp, #8]\n\t"
        "cmp r0, r12\n\t"
        "bne 2b\n\t"
        "3:\n\t"
        "ldr r12, [sp, #12]\n\t"
        "cmp r0, r12\n\t"
        "beq 5f\n\t"
        "4:\n\t" GROUP(0) GROUP(1) GROUP(2) GROUP(3)
        "adds r0, #16\n\t"
        "adds r1, #128\n\t"
        "adds r2, #128\n\t"
        "ldr r12, [sp, #12]\n\t"
        "cmp r0, r12\n\t"
        "bne 4b\n\t"
        "5:\n\t"
        "ldr r12, [sp, #16]\n\t"
        "ldrd r8, r9, [r12, #16]\n\t"
        "sub r4, r4, r5, lsl #16\n\t"
        "sub r6, r6, r7, lsl #16\n\t"
        "stmia r8!, {r4-r7}\n\t"
        "str r0, [r12]\n\t"
        "str r8, [r12, #16]\n\t"
        "cmp r8, r9\n\t"
        "bne 1b\n\t"
        "add sp, #16\n\t"
        "pop {r0, r4-r11, pc}");
}

#undef GROUP

#elif defined(__ARM_ARCH_6M__) && defined(__GNUC__)

/* A group: 30 cycles of a Cortex-M0+. */
#define GROUP                       \
    "ldmia r0!, {r2}\n\t"           \
    "lsrs r4, r2, #24\n\t"          \
    "adds r4, r4, r1\n\t"           \
    "lsls r5, r2, #8\n\t"           \
    "lsrs r5, r5, #24\n\t"          \
    "adds r5, r5, r1\n\t"           \
    "sxtb r3, r2\n\t"               \
    "lsls r2, r2, #16\n\t"          \
    "asrs r2, r2, #24\n\t"          \
    "ldmia r4!, {r6, r7}\n\t"       \
    "muls r6, r3, r6\n\t"           \
    "muls r7, r3, r7\n\t"           \
    "ldmia r5, {r4, r5}\n\t"        \
    "muls r4, r2, r4\n\t"           \
    "muls r5, r2, r5\n\t"           \
    "adds r4, r4, r6\n\t"           \
    "add r4, lr\n\t"                \
    "add r8, r4\n\t"                \
    "asrs r4, r4, #16\n\t"          \
    "add r9, r4\n\t"                \
    "adds r5, r5, r7\n\t"           \
    "add r5, lr\n\t"                \
    "add r10, r5\n\t"               \
    "asrs r5, r5, #16\n\t"          \
    "add r11, r5\n\t"

/* r0 and r1 are weights and pixels, r2 to r7 of a group, r8 to r11 the sums, r12 is where groups end, lr MIDDLE. On the stack:
 * bytes of the groups that are no block, and of those that are; the task. Compilers do not keep sums in the upper registers. */
__attribute__((naked, noinline)) static void sums(__attribute__((unused)) tp_sums *now)
{
    __asm__ volatile(
        TP_ENTER
        "sub sp, #8\n\t"
        "ldr r1, [r0, #8]\n\t"
        "lsls r2, r1, #30\n\t"
        "lsrs r2, r2, #28\n\t"
        "str r2, [sp]\n\t"
        "lsrs r3, r1, #2\n\t"
        "lsls r3, r3, #4\n\t"
        "str r3, [sp, #4]\n\t"
        "movs r4, #1\n\t"
        "lsls r4, r4, #15\n\t"
        "mov lr, r4\n\t"
        "1:\n\t" /* a channel */
        "ldr r7, [sp, #24]\n\t"
        "ldr r0, [r7]\n\t"
        "ldr r1, [r7, #4]\n\t"
        TP_FIRST_SUMS
        "ldr r2, [sp]\n\t"
        "adds r2, r2, r0\n\t"
        "mov r12, r2\n\t"
        "cmp r0, r2\n\t"
        "beq 3f\n\t"
        "2:\n\t" GROUP
        "adds r1, #32\n\t"
        "cmp r0, r12\n\t"
        "bne 2b\n\t"
        "3:\n\t"
        "ldr r2, [sp, #4]\n\t"
        "adds r2, r2, r0\n\t"
        "mov r12, r2\n\t"
        "cmp r0, r2\n\t"
        "beq 5f\n\t"
        "4:\n\t" GROUP GROUP GROUP GROUP
        "adds r1, #128\n\t"
        "cmp r0, r12\n\t"
        "bne 4b\n\t"
        "5:\n\t"
        "ldr r7, [sp, #24]\n\t"
        TP_KEEP_SUMS
        "beq 6f\n\t"
        "b 1b\n\t"
        "6:\n\t"
        "add sp, #8\n\t"
        TP_LEAVE);
}

#undef GROUP

#else

static void sums(tp_sums *now)
{
    const uint32_t *weights = now->weights;
    for (; now->acc != now->end; now->acc += TP_PIXELS) {
        const uint32_t bias = (uint32_t)now->channels++->bias, both = bias + (bias << 16) - (uint32_t)now->middles;
        uint32_t low = both, high = both;
        int32_t second = (int32_t)bias, fourth = second;
        const char *x = (const char *)now->expanded;
        for (int32_t left = now->count; left > 0; left--) {
            const uint32_t word = *weights++;
            const uint32_t *const x0 = (const uint32_t *)(const void *)(x + (word >> 24));
            const uint32_t *const x1 = (const uint32_t *)(const void *)(x + (word >> 16 & 0xffu));
            const uint32_t w0 = (uint32_t)(int8_t)(word & 0xffu), w1 = (uint32_t)(int8_t)(word >> 8 & 0xffu);
            const uint32_t first = w0 * x0[0] + w1 * x1[0] + TP_MIDDLE, third = w0 * x0[1] + w1 * x1[1] + TP_MIDDLE;
            low += first;
            second += (int32_t)first >> 16;
            high += third;
            fourth += (int32_t)third >> 16;
            x += left > now->count / BLOCK * BLOCK ? GROUP_BYTES : left % BLOCK == 1 ? BLOCK * GROUP_BYTES : 0;
        }
        now->acc[0] = (int32_t)(low - ((uint32_t)second << 16));
        now->acc[1] = second;
        now->acc[2] = (int32_t)(high - ((uint32_t)fourth << 16));
        now->acc[3] = fourth;
    }
    now->weights = weights;
}

#endif

void tp_conv_2d_s8_sp24x4_c(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                            const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels, groups = (taps + 3) / 4;
    const int32_t pixels = layer->out_height * layer->out_width;
    uint32_t *const expanded = scratch;
    int8_t *const patches = (int8_t *)(expanded + 4 * 2 * groups);
    const tp_sums now = {weights, expanded, groups, channels, 0, 0, groups * TP_MIDDLE};
    memset(expanded, 0, GROUP_BYTES * (size_t)groups); /* what is behind the taps meets weights 0 */
    for (int32_t next = 0; next < pixels; next += TP_PIXELS) {
        tp_put_four_pixels(layer, now, sums, input, tp_first_of_four(next, pixels), taps, expanded, patches, output);
    }
}
