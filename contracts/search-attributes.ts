import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/** Registered by the set-up before the first workflow starts; shown and searchable in Temporal's UI. */
export const searchAttributes = {
  pipeline: defineSearchAttributeKey('AnnealPipeline', SearchAttributeType.KEYWORD),
  stage: defineSearchAttributeKey('AnnealStage', SearchAttributeType.KEYWORD),
  modelVersion: defineSearchAttributeKey('AnnealModelVersion', SearchAttributeType.KEYWORD),
  /** Value of the pipeline's primary metric on the test split. */
  metric: defineSearchAttributeKey('AnnealMetric', SearchAttributeType.DOUBLE),
} as const;

/** Name and Temporal type, as `temporal server start-dev --search-attribute Name=Type` takes them. */
export const searchAttributeTypes: Readonly<Record<string, 'Keyword' | 'Double'>> = {
  AnnealPipeline: 'Keyword',
  AnnealStage: 'Keyword',
  AnnealModelVersion: 'Keyword',
  AnnealMetric: 'Double',
};

/** Set by Temporal on what a schedule starts: the time that the start was meant for. */
export const scheduledStartTime = defineSearchAttributeKey('TemporalScheduledStartTime', SearchAttributeType.DATETIME);
