import assert from 'node:assert/strict'
import { test } from 'node:test'
import { historyToBridge, mended, toBotpress, toBridge } from '../src/messages'
import { userBody } from '../src/people'

const user = { botpressId: 'user_1', bridgeId: 'user_bridge' }
const text = (words: string) => ({ source: { type: 'bot' }, type: 'text', payload: { text: words } })

test("what belongs to the interface is no part of the message's content", () => {
  const payload = { type: 'text', text: 'Hello', userId: 'user_1', additionalData: '{}' }
  assert.deepEqual(toBridge('text', payload), { type: 'text', payload: { text: 'Hello' } })
})

test('the six types of the channel arrive as they are', () => {
  const pictures = { imageUrl: 'https://x.example/a.png', title: 'A' }
  assert.deepEqual(toBotpress('image', pictures), { type: 'image', payload: pictures })
  assert.deepEqual(toBotpress('file', { fileUrl: 'https://x.example/a', title: '' }), {
    type: 'file',
    payload: { fileUrl: 'https://x.example/a' },
  })
  const items = [{ type: 'text', payload: { text: 'a' } }, { type: 'location', payload: { latitude: 1, longitude: 2 } }]
  assert.deepEqual(toBotpress('bloc', { items }), { type: 'bloc', payload: { items } })
})

test('other types arrive as text with everything in it', () => {
  const card = { title: 'Shoes', actions: [{ action: 'url', label: 'Buy', value: 'https://x.example' }] }
  const shown = [
    toBotpress('markdown', { markdown: '**Hi**' }),
    toBotpress('choice', { text: 'Which?', options: [{ label: 'A' }, { label: 'B' }] }),
    toBotpress('carousel', { items: [card] }),
    toBotpress('location', { latitude: 1.5, longitude: 2, address: 'Lisbon' }),
  ].map((message) => message?.payload.text)
  assert.deepEqual(shown, ['**Hi**', 'Which?\n- A\n- B', 'Shoes\n- Buy: https://x.example', 'Lisbon\n1.5, 2'])
})

test('a message with nothing to show is left out', () => {
  assert.equal(toBotpress('text', { text: ' ' }), undefined)
  assert.equal(toBotpress('image', {}), undefined)
  assert.equal(toBotpress('bloc', { items: [] }), undefined)
})

test('the history names the user as the bridge does and keeps the newest entries', () => {
  const said = { source: { type: 'user', userId: 'user_1' }, type: 'text', payload: { text: 'Hi' } }
  assert.deepEqual(historyToBridge([said], user), [{ ...said, source: { type: 'user', userId: 'user_bridge' } }])
  const many = historyToBridge(Array.from({ length: 2500 }, (_, i) => text(`${i}`)), user)
  assert.equal(many.length, 2000)
  assert.deepEqual(many.at(-1), text('2499'))
  const large = historyToBridge(Array.from({ length: 10 }, () => text('x'.repeat(200_000))), user)
  assert.ok(JSON.stringify(large).length < 1_000_000 && large.length > 0)
})

test('an entry that the bridge refuses goes as text, the others as they are', () => {
  const odd = { source: { type: 'bot' }, type: 'image', payload: { imageUrl: 'data:image/png', title: 'Map' } }
  const errors = [{ field: 'messageHistory.1.payload.imageUrl', detail: 'not http' }]
  assert.deepEqual(mended([text('a'), odd], { status: 400, detail: '', errors }), [text('a'), text('Map\ndata:image/png')])
  assert.equal(mended([odd], { status: 400, detail: '', errors: [{ field: 'title', detail: '' }] }), undefined)
})

test('an invented e-mail address is an id, a real one makes nobody somebody else', () => {
  assert.deepEqual(userBody({ name: 'Ana', email: 'user_01@no-reply.bot-1.botpress.com' }), {
    name: 'Ana',
    externalId: 'user_01',
  })
  assert.deepEqual(userBody({ name: ' ', email: 'ana@x.example', pictureUrl: 'data:x' }), {
    name: 'Unknown User',
    email: 'ana@x.example',
  })
})
