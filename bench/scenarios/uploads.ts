import { Child } from '../children.js'
import { checkDuties } from '../verify.js'
import { MIB } from './scenario.js'
import type { Scenario } from './scenario.js'
import type { UploadOrder, UploadReport } from './upload-client.js'

const UPLOADS = 100
/** Milliseconds in which the service reads nothing: long enough to fill the sockets' buffers, and then the gateway's. */
const DELAY = 2_000
/** Bytes per second that the service then takes of each upload: less than a gateway on one core can carry. */
const RATE = 6 * MIB

/** Many large bodies at once to a service that reads slower than they come. */
export const uploads: Scenario = {
  id: 'uploads',
  title: plan => `${UPLOADS} uploads of ${plan.uploadMiB} MiB at once to a slow reader`,
  columns: ['memory', 'memoryPerUpload', 'cpuPerMiB', 'seconds'],
  compared: ['memoryPerUpload', 'cpuPerMiB'],
  fresh: true,
  rounds: plan => plan.uploadRounds,
  // Nothing is logged until an upload ends.
  admits: contender => contender.file !== undefined && contender.options?.accessLog !== true,

  async prepare (_bench, { contender, port }) {
    await checkDuties(contender, port)
  },

  async measure ({ plan, cpus }, { port, begin, end }, idle) {
    const options: UploadOrder = { port, uploads: UPLOADS, bytes: plan.uploadMiB * MIB, path: `/api/upload?rate=${RATE}&delay=${DELAY}` }
    const before = await begin()
    const client = Child.start('uploads', new URL('./upload-client.js', import.meta.url), { cpu: cpus.load, options })
    const { errors, seconds } = await client.next<UploadReport>()
    await client.stop()
    const after = await end()
    if (before === undefined || after === undefined) return { values: {}, errors }
    const memory = (after.peak - idle) / MIB
    return {
      values: {
        memory,
        memoryPerUpload: memory * 1024 / UPLOADS,
        cpuPerMiB: (after.cpu - before.cpu) / (UPLOADS * plan.uploadMiB),
        seconds
      },
      errors
    }
  }
}
