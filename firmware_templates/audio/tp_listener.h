/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* The `audio` commands of the protocol (app/protocol.h): a PC sends what a microphone would.
 *
 *   audio labels%   "m-audio-labels-[silence,unknown,yes]": the classes in the order of the outputs
 *   audio start%    "m-audio-start": forgets what was heard
 *   audio BASE64%   up to 27 samples at 16 kHz, int16 with the low byte first. From the first whole second on, the network
 *                   looks at the last second every TP_AUDIO_EVERY_HOPS, unless it is too quiet; for each word that the detector hears in them,
 *                   "m-audio-heard-[yes,0.913,1240]": mean score and milliseconds since the start
 *   audio end%      pads less than a second with zeros, looks at the last second (of whole hops) and says
 *                   "m-audio-class-[yes,0.996]": the class with the highest score. The features are then what
 *                   `db print` shows and `infer` takes. Then what it took since the start:
 *                   "m-audio-frames-[49,24500]", "m-audio-features-[1,1900]", "m-audio-network-[1,42370]": how often,
 *                   microseconds in all
 *
 *   audio live%    on a board with a microphone, which is what it does after a start, too: hears that until the next command,
 *                   says "m-audio-heard-[…]" unasked and lights the board's light for half a second. Where the network
 *                   takes longer than there is until the next look, "e-[Samples were lost]"
 *
 *   audio record%  there, too: listens for two seconds with the light on, and says what it heard, unasked, in many
 *                   lines "m-audio-pcm-[BASE64]", then "m-audio-recorded". Until the next command it does nothing else
 *
 * Samples need the arena: `results` and `output` know nothing until the next look.
 */
#ifndef TP_LISTENER_H
#define TP_LISTENER_H

#include "network.h"
#if defined(__has_include)
#if __has_include("microphone.h")
#define TP_HAS_MICROPHONE
#include "microphone.h"
#endif
#endif
#include "tp_audio.h"
#include "tp_detector.h"

/* The arena serves the front end, too, between two inferences. */
#define TP_DEVICE_ARENA_BYTES \
    (TP_NETWORK_ARENA_BYTES > TP_AUDIO_SCRATCH_BYTES ? TP_NETWORK_ARENA_BYTES : TP_AUDIO_SCRATCH_BYTES)

typedef struct {
    tp_audio audio;
    tp_detector detector;
    bool listening; /* between `audio start` and `audio end` */
    bool live;      /* to the microphone */
    int16_t *recording; /* NULL: words are heard, nothing is kept */
    size_t recorded;    /* samples */
    uint32_t lit_hops;
    uint32_t looks;
    uint64_t frames_us;
    uint64_t features_us;
    uint64_t network_us;
} tp_listener;

struct tp_device;

/* One of the protocol's answers, see app/protocol.c. */
void tp_answer_audio(struct tp_device *device, char *words[]);

#ifdef TP_HAS_MICROPHONE
/* Begins to hear the microphone. */
void tp_listener_start(struct tp_device *device);
void tp_listener_stop(struct tp_device *device);

/* What the microphone has heard since the last call, or a sleep until there is something to do. */
void tp_listener_step(struct tp_device *device);
#endif

#endif
