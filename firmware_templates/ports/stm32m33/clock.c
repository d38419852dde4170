/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* STM32U5 from reset (MSI, 4 MHz), and H5 from reset (HSI, 32 MHz), to the PLL. RM0456 and RM0481, chapters PWR, FLASH, RCC and
 * ICACHE. */
#include "stm32.h"

#define RCC_CR REGISTER(RCC + 0x00)
#define RCC_CFGR1 REGISTER(RCC + 0x1C)
#define RCC_PLL1CFGR REGISTER(RCC + 0x28)
#define RCC_PLL1DIVR REGISTER(RCC + 0x34)
#define FLASH_ACR REGISTER(0x40022000)
#define ICACHE_CR REGISTER(0x40030400)
#define ICACHE_SR REGISTER(0x40030404)

/* The PLL: SOURCE / PLLM = 4 MHz, × PLLN = 2 × the core's clock, / 2. */
#define PLLM (SOURCE_CLOCK_HZ / (4 * MHZ))
#define PLLN (CPU_CLOCK_HZ / (2 * MHZ))
_Static_assert(SOURCE_CLOCK_HZ % (4 * MHZ) == 0 && PLLM >= 1 && SOURCE_CLOCK_HZ <= SOURCE_CLOCK_MAX_HZ,
               "clock.hz must be a multiple of 4 MHz, at most 16 MHz (U5) or 48 MHz (H5)");
_Static_assert(CPU_CLOCK_HZ % (2 * MHZ) == 0, "cpu.clock_hz must be an even number of MHz");
_Static_assert(CPU_CLOCK_HZ >= CPU_CLOCK_MIN_HZ && CPU_CLOCK_HZ <= CPU_CLOCK_MAX_HZ,
               "cpu.clock_hz must be 64 to 160 MHz (U5) or 96 to 250 MHz (H5)");
_Static_assert(TX_PORT != 'G' - 'A' && RX_PORT != 'G' - 'A',
               "serial.tx and serial.rx must not be of port G, whose supply this port does not switch on");

#if defined SOURCE_IS_INTERNAL
_Static_assert(SOURCE_CLOCK_HZ == INTERNAL_CLOCK_HZ, "the internal clock has 16 MHz (U5) or 32 MHz (H5)");
enum { SOURCE_ON = INTERNAL_ON, SOURCE_READY = INTERNAL_READY, PLLSRC = INTERNAL_SOURCE };
#elif defined SOURCE_IS_CRYSTAL
enum { SOURCE_ON = 1 << 16, SOURCE_READY = 1 << 17, PLLSRC = 3 }; /* HSEON, HSERDY, HSE */
#else
enum { SOURCE_ON = 1 << 18 | 1 << 16, SOURCE_READY = 1 << 17, PLLSRC = 3 }; /* HSEBYP, HSEON, HSERDY, HSE */
#endif

static void start_pll(void) {
    RCC_CR |= SOURCE_ON;
    while (!(RCC_CR & SOURCE_READY)) {
    }
    RCC_PLL1CFGR = PLL_OUTPUT_ON | PLL_M_FIELD << 8 | PLL_RANGE << 2 | PLLSRC;
    RCC_PLL1DIVR = 1u << 24 | 1u << 16 | 1u << 9 | (PLLN - 1); /* R, Q, P: / 2 */
    tp_line_boost();
    RCC_CR |= 1u << 24;            /* PLL1ON */
    while (!(RCC_CR & 1u << 25)) { /* PLL1RDY */
    }
}

/* Between the core and flash, for code and constants. Reset empties it, which takes a while. */
static void start_cache(void) {
    while (ICACHE_SR & 1u) { /* BUSYF */
    }
    ICACHE_CR |= 1u; /* EN */
}

void tp_clock_init(void) {
    tp_line_raise_voltage();
    FLASH_ACR = FLASH_ACCESS;
    while (FLASH_ACR != FLASH_ACCESS) {
    }
    start_pll();
    RCC_CFGR1 = 3; /* SW: PLL1; all prescalers are 1 after reset */
    while ((RCC_CFGR1 >> SWS_SHIFT & 3) != 3) {
    }
    start_cache();
}
