import { Sum, sumOf } from '../bodies.js'
import type { Fault } from '../faults.js'
import { idIn } from '../id.js'
import type { Arrival } from '../observations.js'

const EMPTY = sumOf()

/** What services got, by the number of the request. */
export class Journal {
  /** Requests that no client has sent. */
  readonly strays: string[] = []
  readonly #arrivals = new Map<number, ArrivalRecord[]>()

  /** Of a head that has come; undefined for one that no client has sent. */
  enter (target: string, method: string, url: string, fault: (number: number) => Fault, fields: Record<string, unknown>): ArrivalRecord | undefined {
    const number = idIn(url)
    if (number === undefined || fields['x-id'] !== String(number)) {
      this.strays.push(`${target} got ${method} ${url} with the id ${String(fields['x-id'])}`)
      return undefined
    }
    const declared = { length: Number(fields['x-length'] ?? 0), sum: String(fields['x-sum'] ?? EMPTY) }
    const record = new ArrivalRecord(number, target, method, fault(number), declared)
    const others = this.#arrivals.get(number)
    if (others === undefined) this.#arrivals.set(number, [record])
    else others.push(record)
    return record
  }

  of (number: number): readonly Arrival[] {
    return this.#arrivals.get(number) ?? []
  }

  /** Uploads for whose rest a service still waits. */
  get open (): string[] {
    return [...this.#arrivals.values()].flat().filter(({ upload }) => upload === 'open')
      .map(({ number, target, bytes, declared, did }) => `${number} at ${target}, ${bytes} bytes of ${declared.length}; ${did.join(', ')}`)
  }
}

export class ArrivalRecord implements Arrival {
  upload: Arrival['upload'] = 'open'
  readonly did: string[] = []
  readonly #sum = new Sum()
  readonly #begun = performance.now()

  constructor (readonly number: number, readonly target: string, readonly method: string, readonly fault: Fault, readonly declared: Arrival['declared']) {}

  get bytes (): number {
    return this.#sum.bytes
  }

  get sum (): string {
    return this.#sum.value
  }

  add (bytes: Buffer): void {
    this.#sum.add(bytes)
  }

  uploaded (upload: 'whole' | 'broken'): void {
    if (this.upload !== 'open') return
    this.upload = upload
    this.note(`upload ${upload}`)
  }

  note (what: string): void {
    this.did.push(`${what} +${Math.round(performance.now() - this.#begun)} ms`)
  }
}
