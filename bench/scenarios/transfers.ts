import { Child } from '../children.js'
import type { Plan } from '../options.js'
import { checkDuties } from '../verify.js'
import { each, isSilentGateway, MIB } from './scenario.js'
import type { Scenario } from './scenario.js'
import type { Direction, TransferOrder, TransferReport } from './transfer-client.js'

const TRANSFERS = 100
/** What each further transfer costs shows here, without what the process itself grows by under any load. */
const MANY = 400
/** Milliseconds in which nothing is read: long enough to fill the sockets' buffers, and then the gateway's. */
const DELAY = 2_000
/** Bytes per second that are then taken of all transfers together: less than a gateway on one core can carry. */
const RATE = TRANSFERS * 6 * MIB
/** Seconds that nothing takes which works. */
const TOO_LONG = 120
/** A body of which so much flows past that a gateway which holds on to any of it shows. */
const LONG = 1024 * MIB

/** @param at how many at once, or LONG */
function shapeOf ({ transferMiB, longSeconds }: Plan, at: number): Pick<TransferOrder, 'transfers' | 'bytes' | 'seconds'> {
  if (at === LONG) return { transfers: TRANSFERS, bytes: LONG, seconds: longSeconds }
  // As many bytes in all, however many there are.
  return { transfers: at, bytes: transferMiB * MIB * TRANSFERS / at, seconds: TOO_LONG }
}

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

    cases (_bench, contenders) {
      const gateways = contenders.filter(isSilentGateway)
      const own = gateways.filter(({ own }) => own).flatMap(contender => [
        { name: `${contender.name}, 1 GiB`, contender, at: LONG },
        { name: `${contender.name}, ${MANY} at once`, contender, at: MANY }
      ])
      return [...each(gateways, TRANSFERS), ...own]
    },

    async prepare (_bench, running) {
      await checkDuties(running)
    },

    async measure ({ plan, cpus }, { port, begin, end }, { at }, idle) {
      const shape = shapeOf(plan, at)
      const { transfers } = shape
      const order: TransferOrder = { ...shape, direction, port, delay: DELAY, rate: RATE / transfers }
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
          memoryEach: memory * 1024 / transfers,
          moved: moved / MIB / transfers,
          cpuPerMiB: (after.cpu - before.cpu) / (moved / MIB),
          seconds
        },
        errors
      }
    }
  }
}
