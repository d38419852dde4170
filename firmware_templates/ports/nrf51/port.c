/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* Nordic's nRF51: UART0 on the board's pins (pins.h), TIMER0 as the clock, since a Cortex-M0 has no cycle counter.
 *
 * Registers: nRF51 Series Reference Manual 3.0, chapters CLOCK, GPIO, TIMER and UART; interrupts: its chapter Memory,
 * instantiation.
 */
#include "port.h"

#include "pins.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define CLOCK_TASKS_HFCLKSTART REGISTER(0x40000000)
#define CLOCK_EVENTS_HFCLKSTARTED REGISTER(0x40000100)
#define UART_TASKS_STARTRX REGISTER(0x40002000)
#define UART_TASKS_STARTTX REGISTER(0x40002008)
#define UART_EVENTS_RXDRDY REGISTER(0x40002108)
#define UART_EVENTS_TXDRDY REGISTER(0x4000211C)
#define UART_INTENSET REGISTER(0x40002304)
#define UART_INTENCLR REGISTER(0x40002308)
#define UART_ENABLE REGISTER(0x40002500)
#define UART_PSELTXD REGISTER(0x4000250C)
#define UART_PSELRXD REGISTER(0x40002514)
#define UART_RXD REGISTER(0x40002518)
#define UART_TXD REGISTER(0x4000251C)
#define UART_BAUDRATE REGISTER(0x40002524)
#define UART_CONFIG REGISTER(0x4000256C)
#define TIMER_TASKS_START REGISTER(0x40008000)
#define TIMER_TASKS_STOP REGISTER(0x40008004)
#define TIMER_TASKS_CLEAR REGISTER(0x4000800C)
#define TIMER_TASKS_CAPTURE0 REGISTER(0x40008040)
#define TIMER_MODE REGISTER(0x40008504)
#define TIMER_BITMODE REGISTER(0x40008508)
#define TIMER_PRESCALER REGISTER(0x40008510)
#define TIMER_CC0 REGISTER(0x40008540)
#define GPIO_OUTSET REGISTER(0x50000508)
#define GPIO_PIN_CNF(pin) REGISTER(0x50000700 + 4 * (pin))
#define NVIC_ISER REGISTER(0xE000E100)
#define NVIC_ICPR REGISTER(0xE000E280)

enum { UART0_INTERRUPT = 2, RX_READY = 1 << 2 }; /* of INTENSET */

static uint64_t time_us;

static void start_clocks(void) {
    CLOCK_EVENTS_HFCLKSTARTED = 0;
    CLOCK_TASKS_HFCLKSTART = 1; /* the crystal: the internal oscillator is too inaccurate for 115200 baud */
    while (CLOCK_EVENTS_HFCLKSTARTED == 0) {
    }
    TIMER_TASKS_STOP = 1;
    TIMER_MODE = 0;      /* timer, not counter */
    TIMER_BITMODE = 3;   /* 32 bits, which TIMER0 alone has */
    TIMER_PRESCALER = 4; /* 16 MHz / 2^4: a microsecond */
    TIMER_TASKS_CLEAR = 1;
    TIMER_TASKS_START = 1;
}

static void start_uart(void) {
    UART_ENABLE = 0;
    GPIO_OUTSET = 1u << TX_PIN;     /* idle level, whenever the UART does not drive the pin */
    GPIO_PIN_CNF(TX_PIN) = 3;       /* output, input buffer disconnected */
    GPIO_PIN_CNF(RX_PIN) = 3u << 2; /* input with pull-up: an open pin must not look like a start bit */
    UART_PSELTXD = TX_PIN;
    UART_PSELRXD = RX_PIN;
    UART_BAUDRATE = 0x01D7E000; /* 115200 */
    UART_CONFIG = 0;            /* no flow control, no parity */
    UART_ENABLE = 4;
    UART_EVENTS_RXDRDY = 0;
    UART_INTENCLR = UINT32_MAX;
    UART_INTENSET = RX_READY;
    NVIC_ISER = 1u << UART0_INTERRUPT; /* masked by PRIMASK since reset: it wakes the core and is never taken */
    UART_TASKS_STARTTX = 1;
    UART_TASKS_STARTRX = 1;
}

void tp_port_init(void) {
    start_clocks();
    start_uart();
}

/* The receiver holds six bytes. The event is cleared first: reading RXD raises it again if another byte waits. */
int tp_port_read(void) {
    while (UART_EVENTS_RXDRDY == 0) {
        (void)tp_port_time_us();
        __asm__ volatile("wfi");
        NVIC_ICPR = 1u << UART0_INTERRUPT;
    }
    UART_EVENTS_RXDRDY = 0;
    return (int)(UART_RXD & 0xFF);
}

void tp_port_write(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        UART_EVENTS_TXDRDY = 0;
        UART_TXD = (uint8_t)bytes[i];
        while (UART_EVENTS_TXDRDY == 0) {
        }
    }
}

/* Nothing to do: tp_port_write returns when the last byte is sent. */
void tp_port_flush(void) {}

/* The timer wraps every 71 minutes: the differences add up to 64 bits if this is called once in that time. */
uint64_t tp_port_time_us(void) {
    TIMER_TASKS_CAPTURE0 = 1;
    time_us += (uint32_t)(TIMER_CC0 - (uint32_t)time_us);
    return time_us;
}
