/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* The MPS2 with one of the FPGA images AN385 (Cortex-M3), AN386 (M4), AN500 (M7) or AN505 (M33): TIMER0 of the CMSDK is the
 * clock.
 *
 * Addresses and interrupts: Arm Application Notes AN385 (DAI 0385), chapter 3, and AN505 (DAI 0505), chapter 3; in QEMU
 * hw/arm/mps2.c and mps2-tz.c. The AN505 starts in the secure state and the port uses the secure aliases. */
#ifndef CHIP_H
#define CHIP_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

#ifdef __ARM_ARCH_8M_MAIN__
#define TIMER0 0x50000000
#define UART0 0x50200000
enum { UART0_RX_INTERRUPT = 32 };
#else
#define TIMER0 0x40000000
#define UART0 0x40004000
enum { UART0_RX_INTERRUPT = 0 };
#endif

#define TIMER_CTRL REGISTER(TIMER0)
#define TIMER_VALUE REGISTER(TIMER0 + 0x4)
#define TIMER_RELOAD REGISTER(TIMER0 + 0x8)

static inline void clock_start(void) {
    TIMER_RELOAD = UINT32_MAX;
    TIMER_VALUE = UINT32_MAX;
    TIMER_CTRL = 1; /* counts the clock down */
}

/* The timer wraps every 171 s at 25 MHz: the differences add up to 64 bits if this is called once in that time. */
static inline uint64_t clock_cycles(void) {
    static uint64_t cycles;
    cycles += (uint32_t)(UINT32_MAX - TIMER_VALUE - (uint32_t)cycles);
    return cycles;
}

#endif
