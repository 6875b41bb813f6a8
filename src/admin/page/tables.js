import { History, spark } from './charts.js'
import { element, keep, setAttribute, setText, table } from './dom.js'
import { ago, clock, count, duration, percent, plural, rate, size, span } from './format.js'

// What there is one row of for each: targets, routes, failures, policies, workers.

/** Failures that are shown at first. */
const FEW = 8

/** How a target's state is shown. */
const TONES = { available: 'ok', unhealthy: 'bad', ejected: 'bad', failing: 'bad', draining: 'warn' }

/** Words for a name that stands for none. */
const NOWHERE = { route: 'no route', upstream: 'the gateway itself' }

/** Of each target, wherever it stands. */
const TARGET_COLUMNS = [
  { title: 'State', kind: 'first', show: showState },
  { title: 'Target', kind: 'wide mono', show: ({ target, isBackup }, cell) => setText(cell, isBackup ? `${target} (backup)` : target) },
  {
    title: 'Reason',
    kind: 'wide',
    show ({ reason, since, time }, cell) {
      cell.classList.toggle('nothing', reason === undefined)
      setText(cell, reason === undefined ? '–' : `${reason} · ${ago(time - since)}`)
    }
  },
  { title: 'In flight', kind: 'number', show: ({ inFlight }, cell) => setText(cell, count(inFlight)) },
  { title: 'Attempts', kind: 'number', show: ({ succeeded, failed, abandoned }, cell) => setText(cell, count(succeeded + failed + abandoned)) },
  { title: 'Failed', kind: 'number', show: ({ failed }, cell) => setText(cell, count(failed)) },
  { title: 'Ejections', kind: 'number', show: ({ ejections }, cell) => setText(cell, count(ejections)) },
  { title: 'Connections', kind: 'number', show: ({ open, idle }, cell) => setText(cell, `${count(open)}, ${count(idle)} idle`) },
  { title: 'Reused', kind: 'number', show: ({ opened, reused }, cell) => setText(cell, percent(opened + reused === 0 ? null : reused / (opened + reused))) }
]

const OWN = 'Targets of a route alone'

/** Those of `upstreams` each by itself, and those that are a route's own together. @param {Element} place */
export function makeUpstreams (place) {
  const empty = element('p', { class: 'none card' }, 'No route goes to a service.')
  const list = element('div', { class: 'stack' })
  place.append(empty, list)
  return state => {
    empty.hidden = state.upstreams.length > 0
    keep(list, groupsOf(state), ({ name }) => name, makeUpstream)
  }
}

function groupsOf ({ upstreams, time }) {
  const isOwn = ({ upstream, targets }) => targets.length === 1 && targets[0].target === upstream
  const groups = upstreams.filter(one => !isOwn(one)).map(({ upstream, waiting, targets }) => ({ name: upstream, waiting, targets, time }))
  const own = upstreams.filter(isOwn)
  const waiting = own.reduce((sum, one) => sum + one.waiting, 0)
  return own.length === 0 ? groups : [...groups, { name: OWN, waiting, targets: own.flatMap(({ targets }) => targets), time }]
}

function makeUpstream ({ name }) {
  const summary = element('p', { class: 'quiet' })
  const rows = element('div', { class: 'targets' })
  const update = table(rows, name === OWN ? OWN : `Targets of ${name}`, TARGET_COLUMNS, {
    keyOf: ({ target }) => target,
    toneOf: ({ state }) => TONES[state] === 'ok' ? undefined : TONES[state],
    none: 'Its names have been looked up, and stand for nothing.'
  })
  return {
    node: element('article', { class: 'card', 'data-upstream': name }, element('div', { class: 'head' }, element('h3', {}, name), summary), rows),
    update ({ targets, waiting, time }) {
      const available = targets.filter(({ state }) => state === 'available').length
      setText(summary, `${available} of ${plural(targets.length, 'target', 'targets')} available${waiting > 0 ? ` · ${count(waiting)} waiting` : ''}`)
      update(targets.map(target => ({ ...target, time })))
    }
  }
}

function showState ({ state, workers, availableIn }, cell) {
  const [shown, note] = cell.children.length === 2 ? cell.children : [element('span'), element('span', { class: 'quiet' })]
  if (cell.children.length === 0) cell.append(shown, note)
  setAttribute(shown, 'class', `state ${TONES[state]}`)
  setText(shown, state)
  // Each worker sees for itself how requests end.
  setText(note, workers > 1 && availableIn > 0 && availableIn < workers ? ` in ${workers - availableIn} of ${workers} workers` : '')
}

/** @param {Element} place */
export function makeRoutes (place) {
  const histories = new Map()
  const keyOf = ({ route, upstream }) => `${route} ${upstream}`
  const sparks = new WeakMap()
  const update = table(place, 'Routes', [
    { title: 'Route', kind: 'wide mono', show: ({ route }, cell) => setText(cell, route === 'none' ? NOWHERE.route : route) },
    { title: 'Upstream', kind: 'wide mono quiet', show: ({ upstream }, cell) => setText(cell, upstream === 'none' ? NOWHERE.upstream : upstream) },
    {
      title: 'Two minutes',
      kind: 'number',
      show (route, cell) {
        const drawn = sparks.get(cell) ?? spark()
        if (!sparks.has(cell)) cell.append(drawn.node)
        sparks.set(cell, drawn)
        drawn.update(histories.get(keyOf(route)) ?? new History())
      }
    },
    { title: 'Per second', kind: 'number', show: route => rate(route.rate) },
    { title: 'Errors', kind: 'number', show: ({ errorRate }, cell) => { setAttribute(cell, 'data-bad', errorRate > 0 ? '' : undefined); return percent(errorRate) } },
    { title: 'p50', kind: 'number', show: ({ p50 }) => duration(p50) },
    { title: 'p95', kind: 'number', show: ({ p95 }) => duration(p95) },
    { title: 'p99', kind: 'number', show: ({ p99 }) => duration(p99) },
    { title: 'In flight', kind: 'number', show: ({ inFlight }) => count(inFlight) },
    { title: 'Requests', kind: 'number', show: ({ requests }) => count(requests) },
    { title: 'Failed', kind: 'number', show: ({ failures }) => count(failures) },
    { title: 'Sent', kind: 'number', show: ({ sent }) => size(sent) }
  ].map(column => ({ ...column, show: written(column.show) })), { keyOf, none: 'There are no routes.' })
  return {
    add (state) {
      for (const route of state.routes) {
        const history = histories.get(keyOf(route)) ?? new History()
        histories.set(keyOf(route), history)
        history.add(route.rate)
      }
      for (const key of histories.keys()) if (!state.routes.some(route => keyOf(route) === key)) histories.delete(key)
    },
    // What no route takes is of interest where there is some.
    update: state => update(state.routes.filter(({ route, requests }) => route !== 'none' || requests > 0))
  }
}

/** A cell gets the text that is returned, where one is. */
function written (show) {
  return (item, cell) => {
    const text = show(item, cell)
    if (text !== undefined) setText(cell, text)
  }
}

/** @param {Element} place */
export function makeFailures (place) {
  const update = table(place, 'Recent failures', [
    { title: 'When', kind: 'plain when', show: ({ time }, cell) => setText(cell, clock(time)) },
    { title: 'Status', kind: 'plain status-of', show: ({ status, outcome }, cell) => setText(cell, outcome === 'completed' ? String(status) : `${status} ${outcome}`) },
    { title: 'Request', kind: 'wide mono', show: ({ method, path }, cell) => setText(cell, `${method} ${path}`) },
    { title: 'Cause', kind: 'wide cause', show: ({ reason, cause }, cell) => setText(cell, cause === undefined || reason.includes(cause) ? reason : `${reason} (${cause})`) },
    { title: 'Target', kind: 'wide mono', show: ({ target, upstream, attempts }, cell) => setText(cell, `${target ?? upstream}${attempts > 1 ? `, attempt ${attempts}` : ''}`) },
    { title: 'Request id', kind: 'plain mono id', show: ({ id }, cell) => setText(cell, id) }
  ], { keyOf: ({ id, time }) => `${time} ${id}`, none: 'None: every request of late had its response.' })
  const more = element('button', { type: 'button', class: 'more', 'aria-expanded': 'false' })
  let isWhole = false
  let latest = []
  const show = () => {
    update(isWhole ? latest : latest.slice(0, FEW))
    more.hidden = latest.length <= FEW
    setText(more, isWhole ? 'Show fewer' : `Show all ${latest.length}`)
    setAttribute(more, 'aria-expanded', String(isWhole))
  }
  more.addEventListener('click', () => {
    isWhole = !isWhole
    show()
  })
  place.append(more)
  return state => {
    latest = state.failures
    show()
  }
}

/** @param {Element} place */
export function makeRejected (place) {
  const update = table(place, 'Rejected by policy', [
    { title: 'Policy', kind: 'first', show: ({ policy }, cell) => setText(cell, policy) },
    { title: 'Requests', kind: 'number', show: ({ value }, cell) => setText(cell, count(value)) },
    { title: 'Most of them at', kind: 'wide mono', show: ({ route }, cell) => setText(cell, route) }
  ], { keyOf: ({ policy }) => policy, none: 'No policy has rejected a request.' })
  return state => update(Object.entries(state.rejected).map(([policy, value]) => {
    const [most] = state.routes.toSorted((a, b) => (b.rejected[policy] ?? 0) - (a.rejected[policy] ?? 0))
    return { policy, value, route: most.route }
  }))
}

/** @param {Element} place */
export function makeWorkers (place) {
  const update = table(place, 'Workers', [
    { title: 'Process', kind: 'first', show: ({ pid, isDraining }, cell) => setText(cell, isDraining ? `${pid}, draining` : String(pid)) },
    { title: 'Uptime', kind: 'number', show: ({ startedAt, time }, cell) => setText(cell, span(time - startedAt)) },
    { title: 'In flight', kind: 'number', show: ({ inFlight }, cell) => setText(cell, count(inFlight)) },
    { title: 'Clients', kind: 'number', show: ({ connections }, cell) => setText(cell, count(connections)) }
  ], { keyOf: ({ pid }) => String(pid), toneOf: ({ isDraining }) => isDraining ? 'warn' : undefined, none: 'No worker responds.' })
  return state => update(state.workers.map(worker => ({ ...worker, time: state.time })))
}
