import { Child } from '../children.js'
import { checkDuties } from '../verify.js'
import { each, isSilentGateway, MIB } from './scenario.js'
import type { Scenario } from './scenario.js'
import type { Direction, TransferOrder, TransferReport } from './transfer-client.js'

const TRANSFERS = 100
/** Milliseconds in which nothing is read: long enough to fill the sockets' buffers, and then the gateway's. */
const DELAY = 2_000
/** Bytes per second that are then taken of each transfer: less than a gateway on one core can carry. */
const RATE = 6 * MIB
/** Seconds that nothing takes which works. */
const TOO_LONG = 120
/** A body of which so much flows past that a gateway which holds on to any of it shows. */
const LONG = 1024 * MIB

export const uploads = transfers('uploads')
export const downloads = transfers('downloads')

/** Many large bodies at once to readers that are slower than the writers. */
function transfers (direction: Direction): Scenario {
  return {
    id: direction,
    title: plan => `${TRANSFERS} ${direction} of ${plan.transferMiB} MiB at once, to slow readers`,
    remark: 'The 1 GiB bodies are broken off after some seconds; `MiB each` is what had passed of each by then.',
    columns: ['memory', 'memoryEach', 'moved', 'cpuPerMiB', 'seconds'],
    compared: ['memoryEach', 'cpuPerMiB'],
    fresh: true,
    rounds: plan => plan.memoryRounds,

    cases ({ plan }, contenders) {
      const gateways = contenders.filter(isSilentGateway)
      const long = gateways.filter(({ own }) => own).map(contender => ({ name: `${contender.name}, 1 GiB`, contender, at: LONG }))
      return [...each(gateways, plan.transferMiB * MIB), ...long]
    },

    async prepare (_bench, running) {
      await checkDuties(running)
    },

    async measure ({ plan, cpus }, { port, begin, end }, { at: bytes }, idle) {
      const order: TransferOrder = {
        direction, port, transfers: TRANSFERS, bytes, delay: DELAY, rate: RATE, seconds: bytes === LONG ? plan.longSeconds : TOO_LONG
      }
      const before = await begin()
      const client = Child.start(direction, new URL('./transfer-client.js', import.meta.url), { cpu: cpus.load, options: order })
      const { errors, seconds, moved } = await client.next<TransferReport>()
      const after = await end()
      await client.stop()
      if (before === undefined || after === undefined) return { values: {}, errors }
      const memory = (after.peak - idle) / MIB
      return {
        values: {
          memory,
          memoryEach: memory * 1024 / TRANSFERS,
          moved: moved / MIB / TRANSFERS,
          cpuPerMiB: (after.cpu - before.cpu) / (moved / MIB),
          seconds
        },
        errors
      }
    }
  }
}
