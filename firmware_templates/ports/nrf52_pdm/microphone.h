/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* What firmware that hears asks of a board with a microphone and a light, beside port.h. */
#ifndef TP_MICROPHONE_H
#define TP_MICROPHONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio_config.h"
#include "tp_audio.h"

/* As many as lie between two looks of the network: it has that long for one. */
enum { TP_MICROPHONE_SAMPLES = TP_AUDIO_EVERY_HOPS * TP_AUDIO_HOP_SAMPLES };

/* Begins anew, at 16 kHz; what was heard before is gone. */
void tp_microphone_start(void);
void tp_microphone_stop(void);

/* The next TP_MICROPHONE_SAMPLES once they are all there, until they are given back; NULL: not yet. */
const int16_t *tp_microphone_take(void);

/* False where they were kept too long: later samples are lost, and the microphone has to be started again. */
bool tp_microphone_give_back(void);

/* Sleeps until samples or a byte on the serial line have come. */
void tp_microphone_sleep(void);

/* RAM that nothing else has, or NULL where it is less. */
void *tp_microphone_spare_ram(size_t bytes);

/* Whether tp_port_read would return at once. */
bool tp_port_has_byte(void);

void tp_light(bool on);

#endif
