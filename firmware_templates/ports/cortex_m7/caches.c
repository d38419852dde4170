/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* L1 caches of the Cortex-M7. Armv7-M Architecture Reference Manual (DDI 0403E), B3.2.8 CCR, B4.8 cache identification,
 * B2.2.7 cache maintenance; a set/way operand: Cortex-M7 Technical Reference Manual (DDI 0489F), 3.3. No DMA is used and no
 * code is written, so nothing has to be cleaned later. */
#include "caches.h"

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define CCR REGISTER(0xE000ED14)
#define CCSIDR REGISTER(0xE000ED80)
#define CSSELR REGISTER(0xE000ED84)
#define ICIALLU REGISTER(0xE000EF50)
#define DCISW REGISTER(0xE000EF60)
#define CCR_DC (1u << 16)
#define CCR_IC (1u << 17)

static void wait(void) { __asm__ volatile("dsb\nisb" ::: "memory"); }

static void invalidate_data(void) {
    CSSELR = 0; /* level 1, data */
    wait();
    const uint32_t size = CCSIDR;
    const uint32_t last_set = size >> 13 & 0x7FFF, last_way = size >> 3 & 0x3FF;
    const uint32_t set_shift = (size & 7) + 4;                           /* log2 of a line's bytes */
    const uint32_t way_shift = last_way ? (uint32_t)__builtin_clz(last_way) : 0; /* ways stand in the highest bits */
    for (uint32_t set = 0; set <= last_set; set++) {
        for (uint32_t way = 0; way <= last_way; way++) {
            DCISW = way << way_shift | set << set_shift;
        }
    }
    wait();
}

void tp_caches_init(void) {
    if (!(CCR & CCR_IC)) {
        wait();
        ICIALLU = 0;
        wait();
        CCR |= CCR_IC;
        wait();
    }
    if (!(CCR & CCR_DC)) {
        invalidate_data();
        CCR |= CCR_DC;
        wait();
    }
}
