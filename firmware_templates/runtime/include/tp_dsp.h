/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * The Arm DSP instructions that kernels use, each beside the same arithmetic in C for every other processor. A `pair` is a
 * word of two int16 halfwords, low and high.
 */
#ifndef TP_DSP_H
#define TP_DSP_H

#include <stdint.h>

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
#define TP_DSP 1

/* low(a) * low(b) + high(a) * high(b) + acc. Callers see to it that this fits 32 bits. */
static inline int32_t tp_smlad(uint32_t a, uint32_t b, int32_t acc)
{
    int32_t result;
    __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(acc));
    return result;
}

/* acc + one halfword of a times one of b, by their places: b is the lower, t the upper one. The sum fits 32 bits. */
#define TP_SMLA(name, instruction)                                                            \
    static inline int32_t name(uint32_t a, uint32_t b, int32_t acc)                           \
    {                                                                                         \
        int32_t result;                                                                       \
        __asm__(instruction " %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(acc) : "cc"); \
        return result;                                                                        \
    }
TP_SMLA(tp_smlabb, "smlabb")
TP_SMLA(tp_smlabt, "smlabt")
TP_SMLA(tp_smlatb, "smlatb")
TP_SMLA(tp_smlatt, "smlatt")
#undef TP_SMLA

/* (byte 0, byte 2) of x as a pair, sign-extended. */
static inline uint32_t tp_sxtb16(uint32_t x)
{
    uint32_t result;
    __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(x));
    return result;
}

/* (byte 1, byte 3) of x as a pair, sign-extended. */
static inline uint32_t tp_sxtb16_ror8(uint32_t x)
{
    uint32_t result;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(x));
    return result;
}

/* (low(a), low(b)) */
static inline uint32_t tp_pkh_low_low(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

/* (low(a), high(b)) */
static inline uint32_t tp_pkh_low_high(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__("pkhbt %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

/* (high(a), high(b)) */
static inline uint32_t tp_pkh_high_high(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(result) : "r"(b), "r"(a));
    return result;
}

/* The upper word of a * b + 2^31: rounded to the nearest, ties upwards. */
static inline int32_t tp_smmulr(int32_t a, int32_t b)
{
    int32_t result;
    __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

/* x limited to low ... high, without branches. */
static inline int32_t tp_limit(int32_t x, int32_t low, int32_t high)
{
    __asm__("cmp %0, %1\n\tit lt\n\tmovlt %0, %1\n\tcmp %0, %2\n\tit gt\n\tmovgt %0, %2"
            : "+r"(x)
            : "r"(low), "r"(high)
            : "cc");
    return x;
}

/* acc + tp_smmulr(a, b); callers see to it that this fits 32 bits. */
static inline int32_t tp_smmlar(int32_t a, int32_t b, int32_t acc)
{
    int32_t result;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(acc));
    return result;
}

/* x limited to int8. */
static inline int32_t tp_ssat8(int32_t x)
{
    int32_t result;
    __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(x) : "cc");
    return result;
}

/* x limited to int16. */
static inline int32_t tp_ssat16(int32_t x)
{
    int32_t result;
    __asm__("ssat %0, #16, %1" : "=r"(result) : "r"(x) : "cc");
    return result;
}

/* x >> 21, limited to int8. */
static inline int32_t tp_ssat8_asr21(int32_t x)
{
    int32_t result;
    __asm__("ssat %0, #8, %1, asr #21" : "=r"(result) : "r"(x) : "cc");
    return result;
}

/* acc + a * low(b) / 2^16, rounded down; callers see to it that this fits 32 bits. */
static inline int32_t tp_smlawb(int32_t a, uint32_t b, int32_t acc)
{
    int32_t result;
    __asm__("smlawb %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(acc));
    return result;
}

/* acc + a * high(b) / 2^16, rounded down. */
static inline int32_t tp_smlawt(int32_t a, uint32_t b, int32_t acc)
{
    int32_t result;
    __asm__("smlawt %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(acc));
    return result;
}

/* The lower bytes of four words as a word. */
static inline uint32_t tp_pack4(int32_t x0, int32_t x1, int32_t x2, int32_t x3)
{
    uint32_t result = (uint32_t)x0;
    __asm__("bfi %0, %1, #8, #8\n\tbfi %0, %2, #16, #8\n\tbfi %0, %3, #24, #8"
            : "+&r"(result)
            : "r"(x1), "r"(x2), "r"(x3));
    return result;
}

/* The smaller of each two bytes, as int8. */
static inline uint32_t tp_min4(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(result) : "r"(a), "r"(b) : "cc");
    return result;
}

/* The larger of each two bytes, as int8. */
static inline uint32_t tp_max4(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(result) : "r"(a), "r"(b) : "cc");
    return result;
}

/* The smaller of each two halfwords, as int16. */
static inline uint32_t tp_min2(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__("ssub16 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(result) : "r"(a), "r"(b) : "cc");
    return result;
}

/* The larger of each two halfwords, as int16. */
static inline uint32_t tp_max2(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__("ssub16 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(result) : "r"(a), "r"(b) : "cc");
    return result;
}

/* p moved on by byte 0, 1, 2 or 3 of steps. */
#define TP_UXTAB(name, rotation)                                                  \
    static inline const char *name(const char *p, uint32_t steps)                 \
    {                                                                             \
        const char *result;                                                       \
        __asm__("uxtab %0, %1, %2" rotation : "=r"(result) : "r"(p), "r"(steps)); \
        return result;                                                            \
    }
TP_UXTAB(tp_step0, "")
TP_UXTAB(tp_step1, ", ror #8")
TP_UXTAB(tp_step2, ", ror #16")
TP_UXTAB(tp_step3, ", ror #24")
#undef TP_UXTAB

#else
#define TP_DSP 0

static inline int32_t tp_low(uint32_t pair)
{
    return (int16_t)(pair & 0xffffu);
}

static inline int32_t tp_high(uint32_t pair)
{
    return (int16_t)(pair >> 16);
}

static inline int32_t tp_smlad(uint32_t a, uint32_t b, int32_t acc)
{
    return tp_low(a) * tp_low(b) + tp_high(a) * tp_high(b) + acc;
}

static inline int32_t tp_smlabb(uint32_t a, uint32_t b, int32_t acc)
{
    return tp_low(a) * tp_low(b) + acc;
}

static inline int32_t tp_smlabt(uint32_t a, uint32_t b, int32_t acc)
{
    return tp_low(a) * tp_high(b) + acc;
}

static inline int32_t tp_smlatb(uint32_t a, uint32_t b, int32_t acc)
{
    return tp_high(a) * tp_low(b) + acc;
}

static inline int32_t tp_smlatt(uint32_t a, uint32_t b, int32_t acc)
{
    return tp_high(a) * tp_high(b) + acc;
}

static inline int32_t tp_limit(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

static inline uint32_t tp_sxtb16(uint32_t x)
{
    return ((uint32_t)(int8_t)(x & 0xffu) & 0xffffu) | (uint32_t)(int8_t)((x >> 16) & 0xffu) << 16;
}

static inline uint32_t tp_sxtb16_ror8(uint32_t x)
{
    return tp_sxtb16(x >> 8);
}

static inline uint32_t tp_pkh_low_low(uint32_t a, uint32_t b)
{
    return (a & 0xffffu) | b << 16;
}

static inline uint32_t tp_pkh_low_high(uint32_t a, uint32_t b)
{
    return (a & 0xffffu) | (b & 0xffff0000u);
}

static inline uint32_t tp_pkh_high_high(uint32_t a, uint32_t b)
{
    return a >> 16 | (b & 0xffff0000u);
}

static inline int32_t tp_smmulr(int32_t a, int32_t b)
{
#if defined(__ARM_ARCH_6M__) /* from products of 32 bits: it has no wider ones; none of the sums can overflow */
    const int32_t a_low = a & 0xffff, a_high = a >> 16, b_low = b & 0xffff, b_high = b >> 16;
    const uint32_t low = (uint32_t)a_low * (uint32_t)b_low;
    const int32_t first = a_high * b_low + (int32_t)(low >> 16);
    const int32_t second = a_low * b_high + (first & 0xffff);
    return a_high * b_high + (first >> 16) + (second >> 16) + (second >> 15 & 1);
#else
    const int64_t product = (int64_t)a * b; /* a sum of 64 bits is slower */
    return (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
#endif
}

static inline int32_t tp_smmlar(int32_t a, int32_t b, int32_t acc)
{
    return acc + tp_smmulr(a, b);
}

static inline int32_t tp_ssat8(int32_t x)
{
#if defined(__ARM_ARCH_7M__) && defined(__GNUC__)
    __asm__("ssat %0, #8, %0" : "+r"(x) : : "cc");
    return x;
#else
    return x < -128 ? -128 : x > 127 ? 127 : x;
#endif
}

static inline int32_t tp_ssat16(int32_t x)
{
#if defined(__ARM_ARCH_7M__) && defined(__GNUC__)
    __asm__("ssat %0, #16, %0" : "+r"(x) : : "cc");
    return x;
#else
    return x < INT16_MIN ? INT16_MIN : x > INT16_MAX ? INT16_MAX : x;
#endif
}

static inline int32_t tp_ssat8_asr21(int32_t x)
{
    return tp_ssat8(x >> 21);
}

static inline int32_t tp_smlaw(int32_t a, int32_t b, int32_t acc)
{
    return acc + (a >> 16) * b + ((a & 0xffff) * b >> 16); /* by halves: few of these cores have wide products */
}

static inline int32_t tp_smlawb(int32_t a, uint32_t b, int32_t acc)
{
    return tp_smlaw(a, tp_low(b), acc);
}

static inline int32_t tp_smlawt(int32_t a, uint32_t b, int32_t acc)
{
    return tp_smlaw(a, tp_high(b), acc);
}

static inline uint32_t tp_pack4(int32_t x0, int32_t x1, int32_t x2, int32_t x3)
{
    return ((uint32_t)x0 & 0xffu) | ((uint32_t)x1 & 0xffu) << 8 | ((uint32_t)x2 & 0xffu) << 16 | (uint32_t)x3 << 24;
}

/* Ones in each byte where that of a is not below that of b, as int8: where the signs are alike the difference says it, of
 * bytes that keep a bit for borrowing. */
static inline uint32_t tp_at_least4(uint32_t a, uint32_t b)
{
    const uint32_t signs = 0x80808080u, difference = (a | signs) - (b & ~signs);
    const uint32_t at_least = ((b & ~a) | (difference & ~(a ^ b))) & signs;
    return (at_least - (at_least >> 7)) | at_least;
}

static inline uint32_t tp_min4(uint32_t a, uint32_t b)
{
    return a ^ ((a ^ b) & tp_at_least4(a, b));
}

static inline uint32_t tp_min2(uint32_t a, uint32_t b)
{
    const uint32_t high = (tp_high(a) < tp_high(b) ? a : b) & 0xffff0000u;
    return high | ((tp_low(a) < tp_low(b) ? a : b) & 0xffffu);
}

static inline uint32_t tp_max2(uint32_t a, uint32_t b)
{
    const uint32_t high = (tp_high(a) > tp_high(b) ? a : b) & 0xffff0000u;
    return high | ((tp_low(a) > tp_low(b) ? a : b) & 0xffffu);
}

static inline uint32_t tp_max4(uint32_t a, uint32_t b)
{
    return b ^ ((a ^ b) & tp_at_least4(a, b));
}

static inline const char *tp_step0(const char *p, uint32_t steps)
{
    return p + (steps & 0xffu);
}

static inline const char *tp_step1(const char *p, uint32_t steps)
{
    return p + (steps >> 8 & 0xffu);
}

static inline const char *tp_step2(const char *p, uint32_t steps)
{
    return p + (steps >> 16 & 0xffu);
}

static inline const char *tp_step3(const char *p, uint32_t steps)
{
    return p + (steps >> 24);
}

#endif

/* Each byte limited to int8 bounds. */
static inline uint32_t tp_clamp4(uint32_t x, int32_t low, int32_t high)
{
    return tp_min4(tp_max4(x, (uint32_t)(uint8_t)low * 0x01010101u), (uint32_t)(uint8_t)high * 0x01010101u);
}

#endif
