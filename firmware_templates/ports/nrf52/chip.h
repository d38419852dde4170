/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* nRF52833 and nRF52840: where their peripherals are, and what is theirs alone. nRF52840 Product Specification, chapters
 * Instantiation, NVMC and Access port protection; bsp/stable/mdk/nrf52840.svd and nrf52833.svd in Nordic's nrfx, which
 * agree on all of this. */
#ifndef TP_CHIP_H
#define TP_CHIP_H

#include <stdint.h>

#define CLOCK 0x40000000u
#define UARTE 0x40002000u
#define GPIO(port) (0x50000500u + 0x300u * (port))

enum { UARTE_INTERRUPT = 2 };

#define CHIP_REGISTER(address) (*(volatile uint32_t *)(address))

/* Later chips close their debug port at reset until the firmware repeats what UICR says of it; a probe could then program
 * the board only by erasing it all. Which ones do: configuration 249 in nrf52_erratas.h of nrfx. */
static inline void tp_chip_open_debug_port(void) {
    const uint32_t part = CHIP_REGISTER(0x10000130), revision = CHIP_REGISTER(0x10000134);
    if ((part == 0x08 && revision >= 5) || (part == 0x0D && revision >= 1)) { /* nRF52840, nRF52833 */
        CHIP_REGISTER(0x40000558) = CHIP_REGISTER(0x10001208); /* APPROTECT.DISABLE = UICR.APPROTECT */
    }
}

/* The clock is 64 MHz from reset. */
static inline void tp_chip_init(void) {
    tp_chip_open_debug_port();
    CHIP_REGISTER(0x4001E540) = 1; /* NVMC.ICACHECNF: instruction cache on */
}

#endif
