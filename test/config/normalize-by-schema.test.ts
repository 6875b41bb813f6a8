import t from 'tap'
import { Type, type Static } from 'typebox'
import { AnyOf, Count, Default, Duration, List, OneOf, Optional, Overrides, Section, Size, Switch, Switchable, Text } from '../../src/config/kinds.js'
import { normalizeBySchema, type Normalized } from '../../src/config/normalize-by-schema.js'

const errorMessage = 'must be what the test says'

const Parts = Section('A section.', {
  wait: Default('1s', Duration('With a default.')),
  least: Duration('Required.')
}, { errorMessage })

const Every = Section('Every kind of key.', {
  text: Text('Text, which stays text although it looks like a size.', { errorMessage }),
  count: Default(1, Count('A number.', { least: 0 })),
  on: Default(true, Switch('A switch.')),
  word: Optional(OneOf('A word.', ['a', 'b'])),
  size: Optional(Size('A size.')),
  empty: Default({}, Section('A section that is there by default.', { size: Default('1kb', Size('With a default.')) }, { errorMessage })),
  list: List('Sections.', Parts, { errorMessage }),
  choice: Optional(AnyOf('A section, a list or text.', [Type.Boolean(), Text('Text.', { errorMessage }), Parts, List('Durations.', Duration('An item.'), { errorMessage })], { errorMessage })),
  limit: Optional(AnyOf('A size or false.', [Size('A size.'), Type.Literal(false)], { errorMessage })),
  overrides: Optional(Switchable('A section or false.', Overrides(Type.Partial(Parts), errorMessage), { errorMessage }))
}, { errorMessage })

interface PartsThatRun { wait: number, least: number }

interface EveryThatRuns {
  text: string
  count: number
  on: boolean
  word?: 'a' | 'b'
  size?: number
  empty: { size: number }
  list: PartsThatRun[]
  choice?: boolean | string | PartsThatRun | number[]
  limit?: number | false
  overrides?: false | { wait?: number, least?: number }
}

// Does not compile unless either type is assignable to the other.
const isSameType: [EveryThatRuns] extends [Normalized<typeof Every>] ? [Normalized<typeof Every>] extends [EveryThatRuns] ? true : never : never = true

t.test('defaults are filled in at every depth, and what has none stays away', async t => {
  t.ok(isSameType)
  const given = { text: '1kb', list: [{ least: 5 }, { least: '2s', wait: 0 }] }
  const expected: EveryThatRuns = {
    text: '1kb', count: 1, on: true, empty: { size: 1024 }, list: [{ wait: 1000, least: 5 }, { wait: 0, least: 2000 }]
  }
  t.strictSame(normalizeBySchema(Every, given), expected)
  t.strictSame(given, { text: '1kb', list: [{ least: 5 }, { least: '2s', wait: 0 }] }, 'the value is left as it is')
})

t.test('what is given counts, in its normalized form', async t => {
  const given = { text: 'x', count: 0, on: false, word: 'b' as const, size: '1.5kb', empty: { size: '1b' }, list: [] }
  t.strictSame(normalizeBySchema(Every, given), { ...given, size: 1536, empty: { size: 1 } })
})

t.test('of a choice the branch of the value\'s own type counts', async t => {
  const choices: Array<[NonNullable<Static<typeof Every>['choice']>, EveryThatRuns['choice']]> = [
    [false, false], ['2s', '2s'], [{ least: '2s' }, { wait: 1000, least: 2000 }], [['1s', 2], [1000, 2]]
  ]
  for (const [choice, normalized] of choices) t.strictSame(normalizeBySchema(Every, { text: '', list: [], choice }).choice, normalized)
})

t.test('a unit counts beside other values too', async t => {
  for (const [limit, normalized] of [['1kb', 1024], [7, 7], [false, false]] as const) {
    t.equal(normalizeBySchema(Every, { text: '', list: [], limit }).limit, normalized)
  }
})

t.test('keys that are laid over others get no defaults', async t => {
  for (const [overrides, normalized] of [[false, false], [{}, {}], [{ wait: '2s' }, { wait: 2000 }]] as const) {
    t.strictSame(normalizeBySchema(Every, { text: '', list: [], overrides }).overrides, normalized)
  }
})
