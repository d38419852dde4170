/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* The MPS3 with the FPGA image AN547 (Cortex-M55 in an SSE-300): its system counter is the clock.
 *
 * Addresses and interrupts: Arm Application Note AN547 (DAI 0547), memory map; SSE-300 TRM (101773), system counter and
 * timer; in QEMU hw/arm/mps2-tz.c and armsse.c. It starts in the secure state; the secure aliases are used. */
#ifndef CHIP_H
#define CHIP_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define UART0 0x59303000
enum { UART0_RX_INTERRUPT = 33 };

#define COUNTER_CNTCR REGISTER(0x58100000)
#define TIMER0_CNTPCT_LOW REGISTER(0x58000000)
#define TIMER0_CNTPCT_HIGH REGISTER(0x58000004)

static inline void clock_start(void) { COUNTER_CNTCR = 1; }

static inline uint64_t clock_cycles(void) {
    uint32_t high = 0;
    uint32_t low = 0;
    do {
        high = TIMER0_CNTPCT_HIGH;
        low = TIMER0_CNTPCT_LOW;
    } while (high != TIMER0_CNTPCT_HIGH);
    return (uint64_t)high << 32 | low;
}

#endif
