/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* STM32H7 from whatever a bootloader left to the PLL, by way of the internal oscillator. RM0399, chapters PWR (voltage
 * scaling), FLASH (wait states) and RCC (clocks).
 *
 * PWR_CR3, how the core gets its power, is left alone: it can be written once after power-on, and the right value depends on
 * how the board is wired. A bootloader must have done it, as Arduino's has; voltage scale 1, and so 400 MHz, is within reach
 * of every choice. */
#include "caches.h"
#include "stm32.h"

#define RCC_CR REGISTER(0x58024400)
#define RCC_CFGR REGISTER(0x58024410)
#define RCC_D1CFGR REGISTER(0x58024418)
#define RCC_D2CFGR REGISTER(0x5802441C)
#define RCC_D3CFGR REGISTER(0x58024420)
#define RCC_PLLCKSELR REGISTER(0x58024428)
#define RCC_PLLCFGR REGISTER(0x5802442C)
#define RCC_PLL1DIVR REGISTER(0x58024430)
#define RCC_D2CCIP2R REGISTER(0x58024454)
#define PWR_D3CR REGISTER(0x58024818)
#define FLASH_ACR REGISTER(0x52002000)

/* The PLL: SOURCE / DIVM1 = 4 to 8 MHz, × DIVN1 = 2 × the core's clock, / DIVP1 = 2. */
#define DIVM1 (SOURCE_CLOCK_HZ % (5 * MHZ) == 0 ? SOURCE_CLOCK_HZ / (5 * MHZ) : SOURCE_CLOCK_HZ / (8 * MHZ))
#define PLL_INPUT_HZ (SOURCE_CLOCK_HZ / DIVM1)
#define DIVN1 (2 * CPU_CLOCK_HZ / PLL_INPUT_HZ)
_Static_assert(DIVM1 >= 1 && DIVM1 <= 63 && PLL_INPUT_HZ * DIVM1 == SOURCE_CLOCK_HZ && PLL_INPUT_HZ <= 8 * MHZ,
               "clock.hz must be a multiple of 5 or 8 MHz");
_Static_assert(PLL_INPUT_HZ * DIVN1 == 2 * CPU_CLOCK_HZ, "the PLL cannot make cpu.clock_hz of clock.hz");
_Static_assert(CPU_CLOCK_HZ >= 100 * MHZ && CPU_CLOCK_HZ <= 400 * MHZ, "cpu.clock_hz must be 100 to 400 MHz");

#if defined SOURCE_IS_INTERNAL
_Static_assert(SOURCE_CLOCK_HZ == 64 * MHZ, "the internal clock, HSI, has 64 MHz");
enum { SOURCE_ON = 1 << 0, SOURCE_READY = 1 << 2, PLLSRC = 0 }; /* HSION, HSIRDY, HSI */
#elif defined SOURCE_IS_CRYSTAL
enum { SOURCE_ON = 1 << 16, SOURCE_READY = 1 << 17, PLLSRC = 2 }; /* HSEON, HSERDY, HSE */
#else
enum { SOURCE_ON = 1 << 18 | 1 << 16, SOURCE_READY = 1 << 17, PLLSRC = 2 }; /* HSEBYP, HSEON, HSERDY, HSE */
#endif

/* Everything is switched off before it is set up: PLL sources can be changed only while all three PLLs are off, HSIDIV and
 * HSEBYP only while nothing runs on those clocks. */
static void leave_plls(void) {
    RCC_CR |= 1u << 0;                                  /* HSION */
    while (!(RCC_CR & 1u << 2)) {                       /* HSIRDY */
    }
    RCC_CFGR &= ~7u;                                    /* SW: HSI */
    while (RCC_CFGR & 7u << 3) {                        /* SWS */
    }
    RCC_CR &= ~(1u << 28 | 1u << 26 | 1u << 24);        /* PLL3ON, PLL2ON, PLL1ON */
    while (RCC_CR & (1u << 29 | 1u << 27 | 1u << 25)) { /* PLL3RDY, PLL2RDY, PLL1RDY */
    }
    RCC_CR &= ~(1u << 16 | 3u << 3);                    /* HSEON; HSIDIV: / 1, 64 MHz */
    while (RCC_CR & 1u << 17 || !(RCC_CR & 1u << 5)) {  /* HSERDY, HSIDIVF */
    }
    RCC_CR &= ~(1u << 18);                              /* HSEBYP */
}

static void start_pll(void) {
    RCC_CR |= SOURCE_ON;
    while (!(RCC_CR & SOURCE_READY)) {
    }
    RCC_PLLCKSELR = (RCC_PLLCKSELR & ~(0x3Fu << 4 | 3)) | DIVM1 << 4 | PLLSRC;
    /* DIVP1EN, PLL1RGE: 4 to 8 MHz, PLL1VCOSEL: wide, no fraction */
    RCC_PLLCFGR = (RCC_PLLCFGR & ~(7u << 16 | 0xFu)) | 1u << 16 | 2u << 2;
    RCC_PLL1DIVR = 1u << 24 | 1u << 16 | 1u << 9 | (DIVN1 - 1); /* DIVR1, DIVQ1, DIVP1: / 2 */
    RCC_CR |= 1u << 24;                                         /* PLL1ON */
    while (!(RCC_CR & 1u << 25)) {                              /* PLL1RDY */
    }
}

static void start_power(void) {
    PWR_D3CR |= 3u << 14;             /* VOS: scale 1 */
    while (!(PWR_D3CR & 1u << 13)) {  /* VOSRDY */
    }
    const uint32_t access = 2u << 4 | 2; /* WRHIGHFREQ, LATENCY: up to 210 MHz of AXI clock */
    FLASH_ACR = access;
    while (FLASH_ACR != access) {
    }
}

void tp_clock_init(void) {
    leave_plls();
    start_power();
    start_pll();
    RCC_D1CFGR = 4u << 4 | 8; /* D1CPRE: core / 1, D1PPRE: APB3 / 2, HPRE: AXI and AHB / 2 */
    RCC_D2CFGR = 4u << 8 | 4u << 4; /* D2PPRE2, D2PPRE1: APB2 and APB1 / 2 */
    RCC_D3CFGR = 4u << 4;           /* D3PPRE: APB4 / 2 */
    RCC_CFGR |= 3;                  /* SW: PLL1 */
    while ((RCC_CFGR & 7u << 3) != 3u << 3) { /* SWS */
    }
    RCC_D2CCIP2R &= ~(7u << 3 | 7u); /* USART16SEL, USART234578SEL: the bus's clock */
    tp_caches_init();
}
