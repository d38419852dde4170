/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
/* From the scores of one second after another to words: the mean of the last TP_DETECTOR_SMOOTHED scores decides, and
 * after a word nothing is reported for TP_DETECTOR_HOLDOFF_HOPS, so that each is heard once. The rule and its settings
 * are in audio_config.h; tinyprune/sound/detector.py is its mirror image in Python. */
#ifndef TP_DETECTOR_H
#define TP_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "audio_config.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { TP_DETECTOR_NOTHING = -1 };

/* Starts as all zeros. */
typedef struct {
    int8_t scores[TP_DETECTOR_SMOOTHED][TP_AUDIO_CLASSES]; /* a ring */
    uint8_t next;
    uint8_t filled;
    bool held; /* something has been reported, at last_hops */
    uint32_t last_hops;
} tp_detector;

void tp_detector_reset(tp_detector *detector);

/* Takes the network's output for the second that ended after `hops` hops. The class that was heard now, or
 * TP_DETECTOR_NOTHING. */
int32_t tp_detector_update(tp_detector *detector, const int8_t scores[TP_AUDIO_CLASSES], uint32_t hops);

/* The same for a second that is too quiet to be looked at: all scores are the lowest. */
int32_t tp_detector_update_quiet(tp_detector *detector, uint32_t hops);

/* The sum of the smoothed scores of a class, from TP_DETECTOR_SMOOTHED × -128 to TP_DETECTOR_SMOOTHED × 127. */
int32_t tp_detector_sum(const tp_detector *detector, int32_t class_number);

#ifdef __cplusplus
}
#endif

#endif
