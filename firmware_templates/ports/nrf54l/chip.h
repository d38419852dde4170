/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* nRF54L15 (nRF54L10, nRF54L05), its Cortex-M33 in the secure state that reset leaves: where its peripherals are, and what is
 * its alone. nRF54L15 Product Specification, chapters Instantiation, FICR, TAMPC, OSCILLATORS and CACHE;
 * bsp/stable/mdk/nrf54l15_application.svd and system_nrf54l.c in Nordic's nrfx. Engineering samples (revision 1) need more
 * than this: errata 31, 32 and 40. */
#ifndef TP_CHIP_H
#define TP_CHIP_H

#include <stdint.h>

#include "board.h"
#include "pins.h"

#define CLOCK 0x5010E000u
#define UARTE 0x500C6000u /* UARTE20, which reaches the pins of port 1 */
#define GPIO(port) 0x500D8200u

enum { UARTE_INTERRUPT = 198 };

#define CHIP_REGISTER(address) (*(volatile uint32_t *)(address))
#define TRIM_ADDRESS(i) CHIP_REGISTER(0x00FFC400u + 8u * (i)) /* FICR.TRIMCNF[i].ADDR */
#define TRIM_DATA(i) CHIP_REGISTER(0x00FFC404u + 8u * (i))

_Static_assert(TX_PORT == 1 && RX_PORT == 1, "serial.tx and serial.rx must be of port 1");
_Static_assert(TP_CPU_CLOCK_HZ == 128000000u || TP_CPU_CLOCK_HZ == 64000000u, "cpu.clock_hz must be 128 or 64 MHz");

/* What the factory measured of this chip goes to the registers that it is for, up to the first unused pair. */
static inline void tp_chip_trim(void) {
    for (uint32_t i = 0; i < 64 && TRIM_ADDRESS(i) != UINT32_MAX && TRIM_ADDRESS(i) != 0; i++) {
        CHIP_REGISTER(TRIM_ADDRESS(i)) = TRIM_DATA(i);
    }
}

/* The debug port is closed from reset until the firmware opens these signals of TAMPC, where UICR has not locked them; a probe
 * could then program the board only by erasing it all. */
static inline void tp_chip_open_debug_port(void) {
    static const uint16_t signals[] = {0x500, 0x508, 0x510, 0x518, 0x700}; /* DBGEN, NIDEN, SPIDEN, SPNIDEN; AP's DBGEN */
    for (uint32_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        const uint32_t control = 0x500DC000u + signals[i];
        if (!(CHIP_REGISTER(control) & 1u << 1)) { /* LOCK */
            CHIP_REGISTER(control) = 0x50FA00F0; /* KEY, WRITEPROTECTION: clear, for the next write */
            CHIP_REGISTER(control) = 0x50FA0001; /* KEY, VALUE: high */
        }
    }
}

static inline void tp_chip_init(void) {
    CHIP_REGISTER(0x50120800) = TP_CPU_CLOCK_HZ == 64000000u ? 3 : 1; /* OSCILLATORS.PLL.FREQ */
    CHIP_REGISTER(0x5005340C) = 1;                                    /* erratum 37, in TAD */
    tp_chip_open_debug_port();
    tp_chip_trim();
    CHIP_REGISTER(0xE0082404) = 1; /* CACHE.ENABLE */
}

#endif
