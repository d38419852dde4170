/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* RP2040 and RP2350: a PL011 UART, polled, and the 64-bit timer of microseconds as the clock.
 *
 * RP2040 Datasheet, 4.2 UART, 4.6 Timer, 2.19 GPIO; RP2350 Datasheet, 12.1, 12.8, 9. The Cortex-M0+ has no cycle counter, and
 * its SysTick wraps after 2^24 cycles, 134 ms at 125 MHz: less than an inference may take. The timer counts the crystal and
 * never wraps, so both chips use it.
 */
#include "port.h"
#include "rp2.h"

#define IO_BANK0_CTRL(pin) REGISTER(IO_BANK0_BASE + 8u * (pin) + 4)
#define PADS_BANK0_PAD(pin) REGISTER(PADS_BANK0_BASE + 4u * (pin) + 4)
#define UARTDR REGISTER(UART_BASE + 0x00)
#define UARTFR REGISTER(UART_BASE + 0x18)
#define UARTIBRD REGISTER(UART_BASE + 0x24)
#define UARTFBRD REGISTER(UART_BASE + 0x28)
#define UARTLCR_H REGISTER(UART_BASE + 0x2C)
#define UARTCR REGISTER(UART_BASE + 0x30)
#define TIMERAWH REGISTER(TIMER_BASE + 0x24)
#define TIMERAWL REGISTER(TIMER_BASE + 0x28)

#define UARTFR_BUSY (1u << 3)
#define UARTFR_RXFE (1u << 4)
#define UARTFR_TXFF (1u << 5)

/* BAUD_64THS: clocks of a sixteenth of a bit, in 64ths. */
enum { BAUD = 115200, BAUD_64THS = (CPU_CLOCK_HZ * 8 / BAUD + 1) / 2, RX_BYTES = 256 };

/* Bytes that came while the firmware was sending; [rx_first, rx_end) modulo RX_BYTES. */
static uint8_t rx_bytes[RX_BYTES];
static uint32_t rx_first, rx_end;
static uint64_t start_us;

static uint64_t timer_us(void) {
    uint32_t high = TIMERAWH, low = TIMERAWL;
    for (uint32_t again = TIMERAWH; again != high; again = TIMERAWH) {
        high = again;
        low = TIMERAWL;
    }
    return (uint64_t)high << 32 | low;
}

static void start_uart(void) {
    UARTCR = 0;
    UARTIBRD = BAUD_64THS / 64;
    UARTFBRD = BAUD_64THS % 64;
    UARTLCR_H = 3u << 5 | 1u << 4;          /* WLEN: 8 bits, FEN: FIFOs of 32 bytes; takes the divisors over too */
    UARTCR = 1u << 9 | 1u << 8 | 1u << 0;   /* RXE, TXE, UARTEN */
    PADS_BANK0_PAD(TX_PIN) = 1u << 6 | 1u << 4; /* IE, DRIVE: 4 mA; on the RP2350, ISO = 0 */
    PADS_BANK0_PAD(RX_PIN) = 1u << 6 | 1u << 4 | 1u << 3 | 1u << 1; /* PUE, SCHMITT: an open pin is no start bit */
    IO_BANK0_CTRL(TX_PIN) = PIN_FUNCTION;
    IO_BANK0_CTRL(RX_PIN) = PIN_FUNCTION;
}

void tp_port_init(void) {
    tp_clock_init();
    start_us = timer_us();
    start_uart();
}

/* Takes what has come, if there is room for it, and returns the flags. */
static uint32_t poll(void) {
    const uint32_t flags = UARTFR;
    if (!(flags & UARTFR_RXFE) && rx_end - rx_first < RX_BYTES) {
        rx_bytes[rx_end++ % RX_BYTES] = (uint8_t)UARTDR;
    }
    return flags;
}

int tp_port_read(void) {
    while (rx_first == rx_end) {
        (void)poll();
    }
    return rx_bytes[rx_first++ % RX_BYTES];
}

void tp_port_write(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        while (poll() & UARTFR_TXFF) {
        }
        UARTDR = (uint8_t)bytes[i];
    }
}

void tp_port_flush(void) {
    while (poll() & UARTFR_BUSY) {
    }
}

uint64_t tp_port_time_us(void) { return timer_us() - start_us; }
