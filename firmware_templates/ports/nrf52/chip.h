/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* nRF52833 and nRF52840: where their peripherals are, and what is theirs alone. nRF52840 Product Specification, chapters
 * Instantiation and NVMC; bsp/stable/mdk/nrf52840.svd and nrf52833.svd in Nordic's nrfx, which agree on all of this. */
#ifndef TP_CHIP_H
#define TP_CHIP_H

#include <stdint.h>

#define CLOCK 0x40000000u
#define UARTE0 0x40002000u
#define GPIO(port) (0x50000500u + 0x300u * (port))

enum { UARTE0_INTERRUPT = 2 };

/* The clock is 64 MHz from reset. */
static inline void tp_chip_init(void) {
    *(volatile uint32_t *)0x4001E540 = 1; /* NVMC.ICACHECNF: instruction cache on */
}

#endif
