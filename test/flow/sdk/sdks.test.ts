// Every vendor's SDK before one gateway: to start one took longer than all that most of them ask of it.
import './ai-sdk.ts';
import './anthropic.ts';
import './genai.ts';
import './openai.ts';
import './paths.ts';
