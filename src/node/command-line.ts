/** What Node's report says of the process, as far as it is read. */
interface Report {
  readonly header: { readonly commandLine: readonly string[] }
}

/**
 * The arguments that the process was started with. `process.argv` no longer has those of `fastify start`, which takes
 * them out before it loads the app; Node's own report has them still.
 */
export function commandLine (report: object = process.report.getReport()): readonly string[] {
  return isReport(report) ? report.header.commandLine.slice(1) : process.argv.slice(1)
}

function isReport (report: object): report is Report {
  return 'header' in report && typeof report.header === 'object' && report.header !== null && 'commandLine' in report.header && Array.isArray(report.header.commandLine)
}
