/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* What the app asks of a port; one folder in ports/ implements it for one MCU family. */
#ifndef TP_PORT_H
#define TP_PORT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Clocks, caches, pins, the serial port at 115200 8N1 and the cycle counter. Called once, first. */
void tp_port_init(void);

/* Waits for the next byte: 0..255, or -1 at the end of the input (only the PC has one). */
int tp_port_read(void);

/* Buffers; bytes may leave at any time and have all left when tp_port_flush returns. */
void tp_port_write(const char *bytes, size_t count);
void tp_port_flush(void);

/* Microseconds since tp_port_init. A port may count cycles in 32 bits if it is called at least once per wrap: the app
 * calls it after each inference, the port itself while it waits for a byte. */
uint64_t tp_port_time_us(void);

#ifdef __cplusplus
}
#endif

#endif
