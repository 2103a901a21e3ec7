/** The integration's type, drawn from the same schemas as its definition. */

import * as sdk from '@botpress/sdk'
import type * as hitl from '../interfaces/hitl'
import type * as own from './definitions'

type Infer<T extends sdk.z.ZodTypeAny> = sdk.z.infer<T>
type TagsOf<T> = { [K in keyof T]: string }

type TIntegration = sdk.DefaultIntegration<{
  name: 'hitl-bridge'
  version: '1.0.0'
  configuration: own.Configuration
  configurations: {}
  actions: {
    createUser: { input: Infer<typeof hitl.createUserInput>; output: Infer<typeof hitl.createUserOutput> }
    startHitl: {
      input: Infer<typeof hitl.startHitlInput> & { hitlSession?: own.Session }
      output: Infer<typeof hitl.startHitlOutput>
    }
    stopHitl: { input: Infer<typeof hitl.stopHitlInput>; output: Infer<typeof hitl.stopHitlOutput> }
  }
  channels: {
    hitl: {
      messages: { [K in keyof typeof hitl.channelMessages]: Infer<(typeof hitl.channelMessages)[K]> }
      message: { tags: TagsOf<typeof own.tags.message> }
      conversation: { tags: TagsOf<typeof own.tags.conversation> }
    }
  }
  events: { hitlAssigned: Infer<typeof hitl.assignedEvent>; hitlStopped: Infer<typeof hitl.stoppedEvent> }
  states: {}
  user: { tags: TagsOf<typeof own.tags.user> }
  entities: { ticket: own.Session }
}>

export class Integration extends sdk.Integration<TIntegration> {}

type Props = sdk.IntegrationProps<TIntegration>
export type Actions = Props['actions']
export type Channel = Props['channels']['hitl']
export type Register = Props['register']
export type Handler = Props['handler']
export type HandlerProps = Parameters<Handler>[0]
export type Client = HandlerProps['client']
export type Logger = HandlerProps['logger']
export type Conversation = Awaited<ReturnType<Client['getConversation']>>['conversation']
export type HistoryEntry = Infer<typeof hitl.historyEntry>
export type MessageType = keyof typeof hitl.channelMessages
