/**
 * The package `deadline-ssh/diagnostics`: what the connections of this process
 * do and wait for.
 *
 * Owns: the list of public names.
 * Must not know: anything else.
 */
/// <reference types="node" preserve="true" />
export {
  type DebugHandlerOptions,
  type DebugRequest,
  type DebugResponse,
  debugHandler,
} from '../diagnostics/debugHandler.ts';
export {
  type ConnectionEventMessage,
  type DiagnosticsEventName,
  type DiagnosticsEvents,
  diagnosticsEvents,
} from '../diagnostics/events.ts';
export {
  type CollectedMetric,
  formatMetrics,
  type MetricsRegistry,
  metricsContentType,
  registerMetrics,
} from '../diagnostics/exposition.ts';
export { type MetricFamily, Metrics, metrics } from '../diagnostics/metrics.ts';
export { type MetricDefinition, type MetricName, metricTable } from '../diagnostics/metricTable.ts';
export {
  type ConnectionDetail,
  connectionById,
  type Report,
  type ReportGroup,
  type ReportOptions,
  type SftpDetail,
  takeReport,
  type WaitDetail,
} from '../diagnostics/report.ts';
export { formatConnection, formatReport } from '../diagnostics/reportText.ts';
export type { Labels, Sample } from '../diagnostics/series.ts';
export type { CommandKind, CommandOutcome, EndedTransfer } from '../io/registry.ts';
export type { ChannelSnapshot, TransferKind, TransferSnapshot } from '../io/snapshots.ts';
